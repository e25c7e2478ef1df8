{{/* What no schema can say, since it is about two values at once. Each message names the value, and what to do. */}}

{{- define "realtime.validate" -}}
{{- include "realtime.validate.auth" . -}}
{{- include "realtime.validate.ingress" . -}}
{{- include "realtime.validate.try" . -}}
{{- /* One line for each section, whose owner defines it beside its templates. */ -}}
{{- end -}}

{{- define "realtime.validate.auth" -}}
{{- end -}}
