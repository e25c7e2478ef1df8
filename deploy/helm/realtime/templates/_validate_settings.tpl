{{/* What is a setting of the service, but comes from a value of its own: most of it is secret, and a ConfigMap is not. */}}
{{- define "realtime.validate.settings" -}}
{{- $root := . -}}
{{- range list
    (list "roles" "" "intake.enabled")
    (list "pod" "" "metadata.name: a pod's name is its own")
    (list "auth" "secret" "auth.existingSecret (or auth.secret)")
    (list "auth" "publicKey" "auth.existingSecret (or auth.publicKey)")
    (list "kafka" "saslPassword" "kafka.sasl.existingSecret (or kafka.sasl.password)")
    (list "redis" "url" "redis.existingSecret (or redis.url)")
    (list "redis" "sentinelPassword" "redis.sentinel.existingSecret (or redis.sentinel.password)")
    (list "tracing" "headers" "tracing.existingSecret (or tracing.headers)")
    (list "sentry" "dsn" "sentry.existingSecret (or sentry.dsn)")
-}}
  {{- $section := index . 0 -}}
  {{- $key := index . 1 -}}
  {{- $instead := index . 2 -}}
  {{- if not $key -}}
    {{- if hasKey $root.Values.settings $section -}}
      {{- fail (printf "settings.%s is not set there: it comes from %s." $section $instead) -}}
    {{- end -}}
  {{- else if hasKey (get $root.Values.settings $section | default dict) $key -}}
    {{- fail (printf "settings.%s.%s is a secret, and settings stand in a ConfigMap: use %s." $section $key $instead) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
