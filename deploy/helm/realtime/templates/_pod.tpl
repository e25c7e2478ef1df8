{{/* A pod of the service. dict "root" "component" "workload" */}}

{{- define "realtime.pod" -}}
{{- $root := .root -}}
{{- $workload := .workload -}}
serviceAccountName: {{ include "realtime.serviceAccountName" $root }}
automountServiceAccountToken: false
# A Service named realtime would have Kubernetes set REALTIME_PORT and the like, which are no settings of ours.
enableServiceLinks: false
{{- include "realtime.podSecurity" $root }}
terminationGracePeriodSeconds: {{ include "realtime.gracePeriodSeconds" . }}
{{- with $workload.priorityClassName | default (include "realtime.priorityClassName" $root) }}
priorityClassName: {{ . }}
{{- end }}
{{- with $workload.extraPodSpec }}
{{ toYaml . }}
{{- end }}
{{- with $workload.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $workload.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $workload.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "realtime.topologySpread" . }}
{{- with $workload.extraInitContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: realtime
    image: {{ include "realtime.image" $root | quote }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    {{- include "realtime.containerSecurity" $root | nindent 4 }}
    # `kubectl describe pod` then tells which setting is to be mended.
    terminationMessagePolicy: FallbackToLogsOnError
    ports:
      - name: http
        containerPort: {{ include "realtime.port" $root }}
        protocol: TCP
    {{- include "realtime.environment" . | nindent 4 }}
    {{- include "realtime.probes" . | nindent 4 }}
    {{- with $workload.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    volumeMounts:
      {{- include "realtime.volumeMounts" $root | nindent 6 }}
      {{- with $workload.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  {{- with $workload.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  {{- include "realtime.volumes" $root | nindent 2 }}
  {{- with $workload.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Pod Security's `restricted`; without a user where null, for platforms that give one. */}}
{{- define "realtime.podSecurity" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- range $key, $id := pick .Values.podSecurity "runAsUser" "runAsGroup" "fsGroup" }}
  {{- if not (kindIs "invalid" $id) }}
  {{ $key }}: {{ int64 $id }}
  {{- end }}
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "realtime.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Spread over zones and nodes, each rollout's pods by themselves: the leaving ones must not push the new together. */}}
{{- define "realtime.topologySpread" -}}
{{- $spread := .workload.topologySpread -}}
{{- $constraints := list -}}
{{- range list (list "topology.kubernetes.io/zone" $spread.zones) (list "kubernetes.io/hostname" $spread.nodes) -}}
  {{- if ne (index . 1) "none" -}}
    {{- $constraints = append $constraints . -}}
  {{- end -}}
{{- end -}}
{{- $labels := include "realtime.selectorLabels" . -}}
{{- with $constraints }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ index . 0 }}
    maxSkew: {{ int $spread.maxSkew }}
    whenUnsatisfiable: {{ ternary "DoNotSchedule" "ScheduleAnyway" (eq (index . 1) "hard") }}
    nodeTaintsPolicy: Honor
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- $labels | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Settings from the ConfigMap, secrets one by one: a key that is not there keeps the pod from starting. */}}
{{- define "realtime.environment" -}}
{{- $root := .root -}}
envFrom:
  - configMapRef:
      name: {{ include "realtime.fullname" $root }}
  {{- with .workload.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
env:
  - name: REALTIME_POD__NAME
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  {{- if and $root.Values.intake.enabled (has .component (list "gateway" "intake")) }}
  - name: REALTIME_ROLES
    value: {{ ternary "intake" "sockets" (eq .component "intake") }}
  {{- end }}
  {{- range include "realtime.secrets" $root | fromJsonArray }}
  - name: {{ .variable }}
    valueFrom:
      secretKeyRef:
        name: {{ .secret | quote }}
        key: {{ .key | quote }}
  {{- end }}
  {{- range include "realtime.files" $root | fromJsonArray }}
  - name: {{ .variable }}
    value: /etc/realtime/{{ .volume }}/{{ .file }}
  {{- end }}
  {{- with .workload.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "realtime.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- $volumes := list }}
{{- range include "realtime.files" . | fromJsonArray }}{{ $volumes = append $volumes .volume }}{{ end }}
{{- range uniq $volumes }}
- name: {{ . }}-tls
  mountPath: /etc/realtime/{{ . }}
  readOnly: true
{{- end }}
{{- end -}}

{{- define "realtime.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- $files := include "realtime.files" . | fromJsonArray }}
{{- $volumes := list }}
{{- range $files }}{{ $volumes = append $volumes .volume }}{{ end }}
{{- range $volume := uniq $volumes }}
- name: {{ $volume }}-tls
  projected:
    defaultMode: 0440
    sources:
      {{- range $files }}
      {{- if eq .volume $volume }}
      - secret:
          name: {{ .secret | quote }}
          items:
            - key: {{ .key | quote }}
              path: {{ .file }}
      {{- end }}
      {{- end }}
{{- end }}
{{- end -}}

{{/*
Alive means that the event loop turns, and never asks for Redis or Kafka: an outage must not restart every pod. Until
these have been reached once a pod is alive and not ready, for as long as that takes.
*/}}
{{- define "realtime.probes" -}}
{{- $scheme := include "realtime.httpScheme" .root -}}
{{- $probes := .workload.probes -}}
{{- range $index, $probe := list (list "startup" "live") (list "readiness" "ready") (list "liveness" "live") -}}
{{- if $index }}{{ "\n" }}{{ end -}}
{{ index $probe 0 }}Probe:
  httpGet:
    path: /health/{{ index $probe 1 }}
    port: http
    scheme: {{ $scheme }}
  {{- range $key, $value := get $probes (index $probe 0) }}
  {{ $key }}: {{ int $value }}
  {{- end }}
{{- end }}
{{- end -}}
