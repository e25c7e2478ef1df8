{{/* Names, labels, the image. */}}

{{- define "realtime.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
At most 47 characters, so that what hangs a suffix of 16 on it is still a DNS label. What is longer ends in a hash: two
releases whose long names differ at the end must not be one.
*/}}
{{- define "realtime.fullname" -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
  {{- $chart := include "realtime.name" . -}}
  {{- $name = ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name) -}}
{{- end -}}
{{- if gt (len $name) 47 -}}
  {{- $name = printf "%s-%s" ($name | trunc 38 | trimSuffix "-" | trimSuffix ".") (sha256sum $name | trunc 8) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* What a Deployment selects its pods by: never to be changed, for a selector cannot be. dict "root" "component" */}}
{{- define "realtime.selectorLabels" -}}
app.kubernetes.io/name: {{ include "realtime.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Of pods: without the chart's version, which alone should restart nobody. dict "root" "component" ["own"] */}}
{{- define "realtime.podLabels" -}}
{{- $ours := include "realtime.selectorLabels" . | fromYaml -}}
{{- $version := .root.Values.image.tag | default .root.Chart.AppVersion | trunc 63 | trimSuffix "-" -}}
{{- $_ := set $ours "app.kubernetes.io/version" $version -}}
{{- merge $ours (.own | default dict) .root.Values.commonLabels | toYaml -}}
{{- end -}}

{{/* Of all else. dict "root" "component" ["own": more labels, which replace none of ours] */}}
{{- define "realtime.labels" -}}
{{- $ours := include "realtime.podLabels" . | fromYaml -}}
{{- $_ := set $ours "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $chart := printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $_ := set $ours "helm.sh/chart" $chart -}}
{{- toYaml $ours -}}
{{- end -}}

{{/* `annotations:` with the common ones and `own`, or nothing. dict "root" "own" */}}
{{- define "realtime.annotations" -}}
{{- with merge dict (.own | default dict) .root.Values.commonAnnotations -}}
annotations:
  {{- range $key, $value := . }}
  {{ $key }}: {{ $value | quote }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- define "realtime.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "realtime.serviceAccountName" -}}
{{- $account := .Values.serviceAccount -}}
{{- if $account.create -}}
{{- $account.name | default (include "realtime.fullname" .) -}}
{{- else -}}
{{- $account.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* The Secret that this chart makes, of what is given as a plain value. */}}
{{- define "realtime.secretName" -}}
{{- include "realtime.fullname" . -}}
{{- end -}}

{{/* Of the whole cluster, and so with the namespace in it; nothing where none is made. */}}
{{- define "realtime.priorityClassName" -}}
{{- if .Values.priorityClass.create -}}
{{- printf "%s-%s" .Release.Namespace (include "realtime.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- define "realtime.port" -}}
{{- dig "http" "port" 3009 .Values.settings | int -}}
{{- end -}}

{{- define "realtime.httpScheme" -}}
{{- ternary "HTTPS" "HTTP" (not (empty .Values.http.tls.existingSecret.name)) -}}
{{- end -}}

{{/* One map over another, key by key; null takes a key away. JSON. dict "under" "over" */}}
{{- define "realtime.laidOver" -}}
{{- $result := deepCopy (.under | default dict) -}}
{{- range $key, $value := .over -}}
  {{- if kindIs "invalid" $value -}}
    {{- $_ := unset $result $key -}}
  {{- else if kindIs "map" $value -}}
    {{- $_ := set $result $key (include "realtime.laidOver" (dict "under" (get $result $key) "over" $value) | fromJson) -}}
  {{- else -}}
    {{- $_ := set $result $key $value -}}
  {{- end -}}
{{- end -}}
{{- toJson $result -}}
{{- end -}}

{{/*
gateway, and intake if it has pods of its own: JSON, name -> its values; what intake does not set is gateway's. Maps of
fixed keys are merged key by key, as Helm does: who sets a request keeps the limit. (Sprig's mergeOverwrite would drop
false and 0.)
*/}}
{{- define "realtime.workloads" -}}
{{- $workloads := dict "gateway" .Values.gateway -}}
{{- if .Values.intake.enabled -}}
  {{- $intake := deepCopy .Values.gateway -}}
  {{- range $key, $value := omit .Values.intake "enabled" -}}
    {{- if not (kindIs "invalid" $value) -}}
      {{- if has $key (list "resources" "probes" "topologySpread" "updateStrategy") -}}
        {{- $value = include "realtime.laidOver" (dict "under" (get $intake $key) "over" $value) | fromJson -}}
      {{- end -}}
      {{- $_ := set $intake $key $value -}}
    {{- end -}}
  {{- end -}}
  {{- $_ := set $workloads "intake" $intake -}}
{{- end -}}
{{- toJson $workloads -}}
{{- end -}}

{{/* dict "root" "component" */}}
{{- define "realtime.workloadName" -}}
{{- include "realtime.fullname" .root }}{{ if eq .component "intake" }}-intake{{ end -}}
{{- end -}}

{{/*
Who may list pods, and not Secrets, sees this, and could try passwords against it. Beside a plain auth.secret, 32 bytes
that nobody guesses, a plain hash tells nothing (and whoever has a token can try that one anyway). Without it the hash
is scrypt's, slow to guess by and the same at each rendering; bcrypt's has another salt each time.
*/}}
{{- define "realtime.secretsChecksum" -}}
{{- $secrets := include "realtime.secrets" . -}}
{{- $plain := false -}}
{{- range $secrets | fromJsonArray -}}{{- if .value -}}{{- $plain = true -}}{{- end -}}{{- end -}}
{{- if and $plain (not .Values.auth.secret) -}}
  {{- $secrets = derivePassword 1 "maximum" $secrets "realtime" "checksum" -}}
{{- end -}}
{{- sha256sum $secrets -}}
{{- end -}}
