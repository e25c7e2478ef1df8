{{/*
Rules about two settings at once, and about the form of one, which the service has in code and refuses to start by.
tests/deploy/test_rules_of_settings.py holds these to those: none may be missing without a reason.
*/}}

{{- define "realtime.validate.rules" -}}
{{- include "realtime.validate.rules.numbers" . -}}
{{- include "realtime.validate.rules.kafka" . -}}
{{- include "realtime.validate.rules.forms" . -}}
{{- end -}}

{{/* A setting as text, or the service's default. dict "root" "path": section.key */}}
{{- define "realtime.setting" -}}
{{- $section := splitList "." .path | first -}}
{{- $key := splitList "." .path | last -}}
{{- $set := get (get .root.Values.settings $section | default dict) $key -}}
{{- if or (kindIs "invalid" $set) (eq (toString $set) "") -}}
  {{- $set = get (get (.root.Files.Get "files/defaults.json" | fromJson) $section) $key -}}
{{- end -}}
{{- $set -}}
{{- end -}}

{{/* Whether a pod may be given it by hand, so that what it is cannot be told here. Likewise. */}}
{{- define "realtime.settingByHand" -}}
{{- $variable := printf "REALTIME_%s__%s" (splitList "." .path | first | snakecase | upper) (splitList "." .path | last | snakecase | upper) -}}
{{- include "realtime.setInExtraEnv" (dict "root" .root "name" $variable) -}}
{{- include "realtime.givenByHand" (dict "root" .root "name" $variable) -}}
{{- end -}}

{{- define "realtime.validate.rules.numbers" -}}
{{- $root := . -}}
{{- range list
    (list "kafka.sessionTimeoutSeconds" "at least" 2 "kafka.heartbeatIntervalSeconds")
    (list "kafka.noAssignmentRestartSeconds" "more than" 1 "kafka.sessionTimeoutSeconds")
    (list "kafka.unansweredRestartSeconds" "at least" 2 "kafka.fetchWaitSeconds")
    (list "history.maxMessagesPerRoom" "at least" 1 "offline.maxMessages")
    (list "history.retentionSeconds" "at least" 1 "offline.maxAgeSeconds")
    (list "sockets.waitingMaxBytes" "at least" 1 "sockets.waitingConflateBytes")
    (list "sockets.waitingMaxBytes" "at least" 1 "sockets.messageMaxBytes")
-}}
  {{- $high := dict "root" $root "path" (index . 0) -}}
  {{- $low := dict "root" $root "path" (index . 3) -}}
  {{- $word := index . 1 -}}
  {{- if not (or (include "realtime.settingByHand" $high) (include "realtime.settingByHand" $low)) -}}
    {{- $is := include "realtime.setting" $high | float64 -}}
    {{- $needed := mulf (include "realtime.setting" $low | float64) (index . 2 | float64) -}}
    {{- if or (lt $is $needed) (and (eq $word "more than") (eq $is $needed)) -}}
      {{- fail (printf "settings.%s is %s, but must be %s %s%s, which is %s: raise the one, or lower the other. What is not set has the service's default." $high.path (toJson $is) $word (eq (index . 2) 2 | ternary "twice settings." "settings.") $low.path (include "realtime.setting" $low | float64 | toJson)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.rules.kafka" -}}
{{- $kafka := .Values.settings.kafka | default dict -}}
{{- $defaults := (.Files.Get "files/defaults.json" | fromJson).kafka -}}
{{- $seen := dict -}}
{{- range $event, $default := $defaults.topics -}}
  {{- $path := printf "settings.kafka.topics.%s" $event -}}
  {{- $topic := get ($kafka.topics | default dict) $event | default $default -}}
  {{- include "realtime.validate.topic" (dict "path" $path "topic" $topic) -}}
  {{- if hasKey $seen $topic -}}
    {{- fail (printf "%s and %s are both %q: each topic carries one event. Name two topics." (get $seen $topic) $path $topic) -}}
  {{- end -}}
  {{- $_ := set $seen $topic $path -}}
{{- end -}}
{{- $dead := $kafka.deadLetterTopic | default $defaults.deadLetterTopic -}}
{{- include "realtime.validate.topic" (dict "path" "settings.kafka.deadLetterTopic" "topic" $dead) -}}
{{- if hasKey $seen $dead -}}
  {{- fail (printf "settings.kafka.deadLetterTopic is %q, and so is %s: a dead letter would come back as an event, without end. Name another topic." $dead (get $seen $dead)) -}}
{{- end -}}
{{- range splitList "," ($kafka.bootstrapServers | default "") -}}
  {{- $server := trim . -}}
  {{- if and $server (not (regexMatch "^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?$" $server)) -}}
    {{- fail (printf "settings.kafka.bootstrapServers has %q, which is not host:port, such as kafka-bootstrap.kafka:9092; several are separated by commas, and none has a scheme." $server) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Kafka's own rule. dict "path" "topic" */}}
{{- define "realtime.validate.topic" -}}
{{- if or (not (regexMatch "^[A-Za-z0-9._-]{1,249}$" .topic)) (has .topic (list "." "..")) -}}
  {{- fail (printf "%s is %q: a topic's name in Kafka is 1 to 249 of A-Z a-z 0-9 . _ -, such as order.created." .path .topic) -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.rules.forms" -}}
{{- $settings := .Values.settings -}}
{{- $http := $settings.http | default dict -}}
{{- $origins := $http.corsOrigins | default list -}}
{{- if kindIs "string" $origins -}}{{- $origins = splitList "," $origins -}}{{- end -}}
{{- range $origins -}}
  {{- $origin := trim . -}}
  {{- if and $origin (ne $origin "*") (not (regexMatch "^[a-z][a-z0-9+.-]*://[^/\\s]+$" $origin)) -}}
    {{- fail (printf "settings.http.corsOrigins has %q, which is not an origin: scheme, host and nothing behind, such as https://shop.example." $origin) -}}
  {{- end -}}
{{- end -}}
{{- range list (list "http" "tlsCertificateFile" "tlsKeyFile") (list "redis" "sslCertificateFile" "sslKeyFile") -}}
  {{- $section := get $settings (index . 0) | default dict -}}
  {{- if ne (empty (get $section (index . 1))) (empty (get $section (index . 2))) -}}
    {{- fail (printf "settings.%s: %s and %s go together; set both, or none." (index . 0) (index . 1) (index . 2)) -}}
  {{- end -}}
{{- end -}}
{{- $sockets := $settings.sockets | default dict -}}
{{- if and (kindIs "slice" $sockets.transports) (empty $sockets.transports) -}}
  {{- fail "settings.sockets.transports is empty: clients need one to come by. Unset it (both), or set it to [websocket]." -}}
{{- end -}}
{{- $endpoint := get ($settings.tracing | default dict) "endpoint" | default "" -}}
{{- if and $endpoint (not (regexMatch "^https?://[^/?#@\\s]+([/?#]\\S*)?$" $endpoint)) -}}
  {{- fail "settings.tracing.endpoint must be a URL such as http://collector:4318, without user and password: a collector's key stands in tracing.existingSecret." -}}
{{- end -}}
{{- range splitList "," .Values.tracing.headers -}}
  {{- if and (trim .) (not (regexMatch "^[A-Za-z0-9!#$%&'*+.^_`|~-]+=[ -~]+$" (trim .))) -}}
    {{- fail "tracing.headers must look like name=value,name=value." -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.sentry.dsn (not (regexMatch "^https?://[^/@\\s]+@[^/@\\s]+(/[^/\\s]+)*/[0-9]+$" .Values.sentry.dsn)) -}}
  {{- fail "sentry.dsn must be a URL such as https://key@sentry.example/42: a key before the host, and a project's number behind." -}}
{{- end -}}
{{- end -}}
