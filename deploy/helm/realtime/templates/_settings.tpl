{{/* From values to the environment that a pod reads. */}}

{{/*
`settings` as variables: NAME: "value", a line each. dict "prefix" "values"
A number is written as JSON writes it: Helm reads numbers as floats, and would print a million as 1e+06.
*/}}
{{- define "realtime.settings" -}}
{{- $prefix := .prefix -}}
{{- range $key, $value := .values -}}
{{- $name := printf "%s%s" $prefix ($key | snakecase | upper) -}}
{{- if kindIs "map" $value -}}
{{ include "realtime.settings" (dict "prefix" (printf "%s__" $name) "values" $value) }}
{{- else if kindIs "slice" $value -}}
{{ $name }}: {{ join "," $value | quote }}
{{ else if kindIs "string" $value -}}
{{ $name }}: {{ $value | quote }}
{{ else if not (kindIs "invalid" $value) -}}
{{ $name }}: {{ toJson $value | quote }}
{{ end -}}
{{- end -}}
{{- end -}}

{{/* Whether a variable stands in somebody's extraEnv. dict "root" "name"; prints something or nothing */}}
{{- define "realtime.setInExtraEnv" -}}
{{- $name := .name -}}
{{- range include "realtime.workloads" .root | fromJson -}}
  {{- range .extraEnv -}}{{- if eq .name $name -}}true{{- end -}}{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Whether all pods are, or may be, given a variable by hand: what is in extraEnvFrom no chart knows. Likewise.
*/}}
{{- define "realtime.givenByHand" -}}
{{- $name := .name -}}
{{- $all := true -}}
{{- range include "realtime.workloads" .root | fromJson -}}
  {{- $here := not (empty .extraEnvFrom) -}}
  {{- range .extraEnv -}}{{- $here = or $here (eq .name $name) -}}{{- end -}}
  {{- $all = and $all $here -}}
{{- end -}}
{{- if $all -}}true{{- end -}}
{{- end -}}

{{/*
What comes out of Secrets, as JSON: a list of {variable, secret, key, path, value}. `path` is who says so. With a value
it stands in the Secret that this chart makes; without, somebody else made it.
*/}}
{{- define "realtime.secrets" -}}
{{- $own := include "realtime.secretName" . -}}
{{- $secrets := list -}}
{{- $auth := .Values.auth -}}
{{- $kafka := .Values.kafka.sasl -}}
{{- $sentinel := .Values.redis.sentinel -}}
{{- with $auth.existingSecret -}}
  {{- if .name -}}
    {{- $variable := ternary "REALTIME_AUTH__PUBLIC_KEY" "REALTIME_AUTH__SECRET" (eq .kind "publicKey") -}}
    {{- $secrets = append $secrets (dict "variable" $variable "secret" .name "key" .key "path" "auth.existingSecret") -}}
  {{- end -}}
{{- end -}}
{{- range list
    (list "REALTIME_AUTH__SECRET" "auth-secret" $auth.secret "auth.secret")
    (list "REALTIME_AUTH__PUBLIC_KEY" "auth-public-key" $auth.publicKey "auth.publicKey")
    (list "REALTIME_KAFKA__SASL_USERNAME" "kafka-username" $kafka.username "kafka.sasl.username")
    (list "REALTIME_KAFKA__SASL_PASSWORD" "kafka-password" $kafka.password "kafka.sasl.password")
    (list "REALTIME_REDIS__URL" "redis-url" .Values.redis.url "redis.url")
    (list "REALTIME_REDIS__SENTINEL_USERNAME" "sentinel-username" $sentinel.username "redis.sentinel.username")
    (list "REALTIME_REDIS__SENTINEL_PASSWORD" "sentinel-password" $sentinel.password "redis.sentinel.password")
    (list "REALTIME_TRACING__HEADERS" "tracing-headers" .Values.tracing.headers "tracing.headers")
    (list "REALTIME_SENTRY__DSN" "sentry-dsn" .Values.sentry.dsn "sentry.dsn")
-}}
  {{- if index . 2 -}}
    {{- $secrets = append $secrets (dict "variable" (index . 0) "secret" $own "key" (index . 1) "value" (index . 2) "path" (index . 3)) -}}
  {{- end -}}
{{- end -}}
{{- range list
    (list "REALTIME_KAFKA__SASL_USERNAME" $kafka.existingSecret "usernameKey" "kafka.sasl.existingSecret")
    (list "REALTIME_KAFKA__SASL_PASSWORD" $kafka.existingSecret "passwordKey" "kafka.sasl.existingSecret")
    (list "REALTIME_REDIS__URL" .Values.redis.existingSecret "key" "redis.existingSecret")
    (list "REALTIME_REDIS__SENTINEL_USERNAME" $sentinel.existingSecret "usernameKey" "redis.sentinel.existingSecret")
    (list "REALTIME_REDIS__SENTINEL_PASSWORD" $sentinel.existingSecret "passwordKey" "redis.sentinel.existingSecret")
    (list "REALTIME_TRACING__HEADERS" .Values.tracing.existingSecret "key" "tracing.existingSecret")
    (list "REALTIME_SENTRY__DSN" .Values.sentry.existingSecret "key" "sentry.existingSecret")
-}}
  {{- $secret := index . 1 -}}
  {{- $key := get $secret (index . 2) -}}
  {{- if and $secret.name $key -}}
    {{- $secrets = append $secrets (dict "variable" (index . 0) "secret" $secret.name "key" $key "path" (index . 3)) -}}
  {{- end -}}
{{- end -}}
{{- with include "realtime.tryAuthSecretName" . -}}
  {{- $secrets = append $secrets (dict "variable" "REALTIME_AUTH__SECRET" "secret" . "key" "auth-secret" "path" "try" "made" true) -}}
{{- end -}}
{{- toJson $secrets -}}
{{- end -}}

{{/*
Files out of Secrets, as JSON: a list of {variable, volume, file, secret, key, path}. They are mounted under
/etc/realtime/VOLUME/FILE.
*/}}
{{- define "realtime.files" -}}
{{- $files := list -}}
{{- range list
    (list "kafka" .Values.kafka.tls "REALTIME_KAFKA__SSL")
    (list "redis" .Values.redis.tls "REALTIME_REDIS__SSL")
-}}
  {{- $volume := index . 0 -}}
  {{- $tls := index . 1 -}}
  {{- $variable := index . 2 -}}
  {{- $path := printf "%s.tls" $volume -}}
  {{- $secret := $tls.existingSecret -}}
  {{- if $tls.caSecret.name -}}
    {{- $files = append $files (dict "variable" (printf "%s_CA_FILE" $variable) "volume" $volume "file" "ca.crt" "secret" $tls.caSecret.name "key" $tls.caSecret.key "path" (printf "%s.caSecret" $path)) -}}
  {{- else if and $secret.name $secret.caKey -}}
    {{- $files = append $files (dict "variable" (printf "%s_CA_FILE" $variable) "volume" $volume "file" "ca.crt" "secret" $secret.name "key" $secret.caKey "path" (printf "%s.existingSecret" $path)) -}}
  {{- end -}}
  {{- if and $secret.name $secret.certificateKey -}}
    {{- $files = append $files (dict "variable" (printf "%s_CERTIFICATE_FILE" $variable) "volume" $volume "file" "tls.crt" "secret" $secret.name "key" $secret.certificateKey "path" (printf "%s.existingSecret" $path)) -}}
    {{- $files = append $files (dict "variable" (printf "%s_KEY_FILE" $variable) "volume" $volume "file" "tls.key" "secret" $secret.name "key" $secret.keyKey "path" (printf "%s.existingSecret" $path)) -}}
  {{- end -}}
{{- end -}}
{{- with .Values.http.tls.existingSecret -}}
  {{- if .name -}}
    {{- $files = append $files (dict "variable" "REALTIME_HTTP__TLS_CERTIFICATE_FILE" "volume" "http" "file" "tls.crt" "secret" .name "key" .certificateKey "path" "http.tls.existingSecret") -}}
    {{- $files = append $files (dict "variable" "REALTIME_HTTP__TLS_KEY_FILE" "volume" "http" "file" "tls.key" "secret" .name "key" .keyKey "path" "http.tls.existingSecret") -}}
  {{- end -}}
{{- end -}}
{{- toJson $files -}}
{{- end -}}

{{/* settle + grace of settings.drain, or of what the service takes where nothing is set: 5 + 20. */}}
{{- define "realtime.drainSeconds" -}}
{{- $drain := .Values.settings.drain | default dict -}}
{{- $settle := $drain.settleSeconds -}}
{{- $grace := $drain.graceSeconds -}}
{{- addf (kindIs "invalid" $settle | ternary 5.0 $settle | float64) (kindIs "invalid" $grace | ternary 20.0 $grace | float64) | ceil | int64 -}}
{{- end -}}

{{/* What a pod needs between SIGTERM and SIGKILL; 60 s are for what follows the drain. dict "root" "workload" */}}
{{- define "realtime.gracePeriodSeconds" -}}
{{- $needed := add (include "realtime.drainSeconds" .root | int64) 60 -}}
{{- $set := .workload.terminationGracePeriodSeconds -}}
{{- kindIs "invalid" $set | ternary $needed $set | int64 -}}
{{- end -}}
