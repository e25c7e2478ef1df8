{{/* What scrapes us, and what is refused of it. */}}

{{/*
The labels that rules and dashboards go by, said in full, whatever the operator gives: job, cluster, namespace, pod, node.
deploy/prometheus/prometheus.yaml is the same without an operator.
*/}}
{{- define "realtime.monitoring.relabelings" -}}
- sourceLabels: [__meta_kubernetes_pod_phase]
  regex: Running|Unknown
  action: keep
- sourceLabels: [__meta_kubernetes_pod_container_name]
  regex: realtime
  action: keep
- replacement: realtime
  targetLabel: job
- sourceLabels: [__meta_kubernetes_namespace]
  targetLabel: namespace
- sourceLabels: [__meta_kubernetes_pod_name]
  targetLabel: pod
- sourceLabels: [__meta_kubernetes_pod_node_name]
  targetLabel: node
{{- with .Values.monitoring.cluster }}
- replacement: {{ . | quote }}
  targetLabel: cluster
{{- end }}
{{- end -}}

{{/* One endpoint of either monitor. dict "root" "monitor" */}}
{{- define "realtime.monitoring.endpoint" -}}
{{- $scheme := include "realtime.httpScheme" .root | lower -}}
- port: http
  path: /metrics
  scheme: {{ $scheme }}
  {{- if eq $scheme "https" }}
  tlsConfig:
    {{- toYaml .root.Values.monitoring.tlsConfig | nindent 4 }}
  {{- end }}
  interval: {{ .monitor.interval }}
  scrapeTimeout: {{ .monitor.scrapeTimeout }}
  relabelings:
    {{- include "realtime.monitoring.relabelings" .root | nindent 4 }}
    {{- with .monitor.relabelings }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .monitor.metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "realtime.validate.monitoring" -}}
{{- $monitoring := .Values.monitoring -}}
{{- if and $monitoring.podMonitor.enabled $monitoring.serviceMonitor.enabled -}}
  {{- fail "monitoring.podMonitor.enabled and monitoring.serviceMonitor.enabled are both true: each pod would be scraped twice, and each user counted twice. Keep podMonitor." -}}
{{- end -}}
{{- if and $monitoring.serviceMonitor.enabled (not .Values.internalService.enabled) -}}
  {{- fail "monitoring.serviceMonitor.enabled is true, but internalService.enabled is not, and that is the Service it looks for: use monitoring.podMonitor instead." -}}
{{- end -}}
{{- if and (or $monitoring.podMonitor.enabled $monitoring.serviceMonitor.enabled) (eq (include "realtime.httpScheme" .) "HTTPS") (not $monitoring.tlsConfig) -}}
  {{- fail "monitoring.tlsConfig is empty, but pods serve TLS (http.tls): Prometheus asks each by its address, which its certificate does not name. Set monitoring.tlsConfig.serverName to a name in it (and .ca), or .insecureSkipVerify=true." -}}
{{- end -}}
{{- range list "podMonitor" "serviceMonitor" -}}
  {{- $monitor := get $monitoring . -}}
  {{- $interval := include "realtime.monitoring.milliseconds" $monitor.interval | int64 -}}
  {{- if and $monitor.enabled (gt (include "realtime.monitoring.milliseconds" $monitor.scrapeTimeout | int64) $interval) -}}
    {{- fail (printf "monitoring.%s.scrapeTimeout is %s, longer than the interval, %s, and Prometheus refuses that: set it to less." . $monitor.scrapeTimeout $monitor.interval) -}}
  {{- end -}}
{{- end -}}
{{- if $monitoring.prometheusRule.enabled -}}
  {{- $known := regexFindAll "alert: [A-Za-z]+" (.Files.Get "files/rules.yaml") -1 -}}
  {{- range $monitoring.prometheusRule.disabledAlerts -}}
    {{- if not (has (printf "alert: %s" .) $known) -}}
      {{- fail (printf "monitoring.prometheusRule.disabledAlerts names %s, and there is no such alert: see docs/runbooks." .) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* A duration of the schema's kind. */}}
{{- define "realtime.monitoring.milliseconds" -}}
{{- $number := regexFind "^[0-9]+" . | int64 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- mul $number (get (dict "ms" 1 "s" 1000 "m" 60000) $unit) -}}
{{- end -}}
