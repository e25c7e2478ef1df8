{{/* Which ports pods speak to. */}}

{{/* JSON list: what is set, or the ports that settings.kafka.bootstrapServers names. */}}
{{- define "realtime.kafkaPorts" -}}
{{- $ports := .Values.networkPolicy.egress.kafka.ports -}}
{{- if not $ports -}}
  {{- $ports = list -}}
  {{- $tried := include "realtime.tryEnvironment" . | fromYaml -}}
  {{- $servers := dig "kafka" "bootstrapServers" (get $tried "REALTIME_KAFKA__BOOTSTRAP_SERVERS") .Values.settings -}}
  {{- if kindIs "slice" $servers }}{{ $servers = join "," $servers }}{{ end -}}
  {{- range splitList "," $servers -}}
    {{- with regexFind ":[0-9]+$" (trim .) -}}
      {{- $ports = append $ports (trimPrefix ":" . | int) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}

{{/* JSON list: of the collector of traces, and 443 for Sentry. */}}
{{- define "realtime.collectorPorts" -}}
{{- $ports := list -}}
{{- with dig "tracing" "endpoint" "" .Values.settings -}}
  {{- $url := urlParse . -}}
  {{- $named := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
  {{- $ports = append $ports ($named | default (ternary 443 80 (eq $url.scheme "https")) | int) -}}
{{- end -}}
{{- if or .Values.sentry.dsn .Values.sentry.existingSecret.name -}}
  {{- $ports = append $ports 443 -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}
