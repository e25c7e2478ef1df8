{{/*
What no schema can say, since it is about two values at once. Each message begins with the value's path and says what to
do. Each section's owner defines `realtime.validate.SECTION` beside its templates.
*/}}

{{- define "realtime.validate" -}}
{{- include "realtime.validate.names" . -}}
{{- include "realtime.validate.settings" . -}}
{{- include "realtime.validate.auth" . -}}
{{- include "realtime.validate.serviceFields" . -}}
{{- include "realtime.validate.ingress" . -}}
{{- include "realtime.validate.try" . -}}
{{- include "realtime.validate.kafka" . -}}
{{- include "realtime.validate.redis" . -}}
{{- include "realtime.validate.twice" . -}}
{{- include "realtime.validate.http" . -}}
{{- include "realtime.validate.networkPolicy" . -}}
{{- include "realtime.validate.workloads" . -}}
{{- include "realtime.validate.autoscaling" . -}}
{{- include "realtime.validate.monitoring" . -}}
{{- include "realtime.validate.rules" . -}}
{{- include "realtime.validate.secrets" . -}}
{{- include "realtime.validate.upgrade" . -}}
{{- end -}}

{{- define "realtime.validate.auth" -}}
{{- $auth := .Values.auth -}}
{{- $settings := .Values.settings.auth | default dict -}}
{{- $ways := list -}}
{{- if $auth.secret -}}{{- $ways = append $ways "auth.secret" -}}{{- end -}}
{{- if $auth.publicKey -}}{{- $ways = append $ways "auth.publicKey" -}}{{- end -}}
{{- if $auth.existingSecret.name -}}{{- $ways = append $ways "auth.existingSecret.name" -}}{{- end -}}
{{- if $settings.publicKeyFile -}}{{- $ways = append $ways "settings.auth.publicKeyFile" -}}{{- end -}}
{{- $given := gt (len $ways) 0 -}}
{{- range list "REALTIME_AUTH__SECRET" "REALTIME_AUTH__PUBLIC_KEY" "REALTIME_AUTH__PUBLIC_KEY_FILE" -}}
  {{- $variable := dict "root" $ "name" . -}}
  {{- if include "realtime.setInExtraEnv" $variable -}}{{- $ways = append $ways (printf "gateway.extraEnv %s" .) -}}{{- end -}}
  {{- if include "realtime.givenByHand" $variable -}}{{- $given = true -}}{{- end -}}
{{- end -}}
{{- if gt (len $ways) 1 -}}
  {{- fail (printf "%s are all set: identities are proven in one way alone. Keep one, and unset the others." (join ", " $ways)) -}}
{{- end -}}
{{- $insecure := $settings.insecureDevelopmentMode | default false -}}
{{- if and $insecure (not $auth.acceptInsecureDevelopmentMode) -}}
  {{- fail "settings.auth.insecureDevelopmentMode is true: anybody who reaches a pod can then claim to be anybody. If that is meant, set auth.acceptInsecureDevelopmentMode=true, too." -}}
{{- end -}}
{{- if not (or $given $insecure (include "realtime.tryAuthSecretName" .)) -}}
  {{- fail "auth: nothing says how identities are proven, and there is no default. Set auth.existingSecret.name and .key (a Secret that holds an HS256 secret of 32 bytes or more, or with .kind=publicKey a public key), or auth.secret, or auth.publicKey." -}}
{{- end -}}
{{- if and $auth.existingSecret.name (not $auth.existingSecret.key) -}}
  {{- fail (printf "auth.existingSecret.key is empty: say which key of the Secret %q holds the secret or public key." $auth.existingSecret.name) -}}
{{- end -}}
{{- if and $auth.secret (lt (len $auth.secret) 32) -}}
  {{- fail (printf "auth.secret has %d bytes: HS256 takes 32 or more. Make one with: openssl rand -base64 48" (len $auth.secret)) -}}
{{- end -}}
{{- if and $auth.publicKey (not (contains "-----BEGIN PUBLIC KEY-----" $auth.publicKey)) -}}
  {{- fail "auth.publicKey is not a public key in PEM: it begins with -----BEGIN PUBLIC KEY-----. Pass the file with: --set-file auth.publicKey=key.pem" -}}
{{- end -}}
{{- end -}}

{{/* Plain values beside an existing Secret: who reads the values would think that they hold. */}}
{{- define "realtime.validate.plainBesideSecret" -}}
{{- range . -}}
  {{- if and (index . 1) (index . 3) -}}
    {{- fail (printf "%s and %s are both set: unset %s, or do not name the Secret." (index . 0) (index . 2) (index . 0)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.kafka" -}}
{{- $kafka := .Values.kafka -}}
{{- $settings := .Values.settings.kafka | default dict -}}
{{- $sasl := $kafka.sasl -}}
{{- $secret := $sasl.existingSecret -}}
{{- include "realtime.validate.plainBesideSecret" (list
    (list "kafka.sasl.password" $sasl.password "kafka.sasl.existingSecret.name" $secret.name)
    (list "kafka.sasl.username" $sasl.username "kafka.sasl.existingSecret.usernameKey" (and $secret.name $secret.usernameKey))
) -}}
{{- $given := or $settings.bootstrapServers (include "realtime.tryEnvironment" .) (include "realtime.givenByHand" (dict "root" $ "name" "REALTIME_KAFKA__BOOTSTRAP_SERVERS")) -}}
{{- if not $given -}}
  {{- fail "settings.kafka.bootstrapServers is not set: say where Kafka is, such as kafka-bootstrap.kafka:9092; several are separated by commas." -}}
{{- end -}}
{{- $protocol := $settings.securityProtocol | default "PLAINTEXT" -}}
{{- $byHand := include "realtime.givenByHand" (dict "root" $ "name" "REALTIME_KAFKA__SECURITY_PROTOCOL") -}}
{{- if not $byHand -}}
{{- $hasSasl := or $sasl.username $sasl.password $secret.name -}}
{{- if and $hasSasl (not (hasPrefix "SASL" $protocol)) -}}
  {{- fail (printf "kafka.sasl is set, but settings.kafka.securityProtocol is %s, which does not use it: set it to SASL_SSL (or SASL_PLAINTEXT), or unset kafka.sasl." $protocol) -}}
{{- end -}}
{{- if hasPrefix "SASL" $protocol -}}
  {{- if not (or $sasl.password $secret.name (include "realtime.givenByHand" (dict "root" $ "name" "REALTIME_KAFKA__SASL_PASSWORD"))) -}}
    {{- fail (printf "kafka.sasl: settings.kafka.securityProtocol is %s, which needs a user and a password: set kafka.sasl.username and kafka.sasl.existingSecret (or kafka.sasl.password)." $protocol) -}}
  {{- end -}}
  {{- if and $hasSasl (not (or $sasl.username (and $secret.name $secret.usernameKey) $settings.saslUsername (include "realtime.givenByHand" (dict "root" $ "name" "REALTIME_KAFKA__SASL_USERNAME")))) -}}
    {{- fail "kafka.sasl.username is not set: set it, or kafka.sasl.existingSecret.usernameKey." -}}
  {{- end -}}
{{- end -}}
{{- if and (or $kafka.tls.existingSecret.name $kafka.tls.caSecret.name) (not (hasSuffix "SSL" $protocol)) -}}
  {{- fail (printf "kafka.tls is set, but settings.kafka.securityProtocol is %s: nothing would be encrypted. Set it to SSL or SASL_SSL." $protocol) -}}
{{- end -}}
{{- end -}}
{{- include "realtime.validate.clientTls" (dict "path" "kafka.tls" "tls" $kafka.tls) -}}
{{- end -}}

{{- define "realtime.validate.clientTls" -}}
{{- $secret := .tls.existingSecret -}}
{{- if and $secret.name (ne (empty $secret.certificateKey) (empty $secret.keyKey)) -}}
  {{- fail (printf "%s.existingSecret: certificateKey and keyKey go together; set both, or none." .path) -}}
{{- end -}}
{{- if and .tls.caSecret.name (not .tls.caSecret.key) -}}
  {{- fail (printf "%s.caSecret.key is empty: say which key of the Secret %q holds the authorities." .path .tls.caSecret.name) -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.redis" -}}
{{- $redis := .Values.redis -}}
{{- $sentinel := $redis.sentinel -}}
{{- include "realtime.validate.plainBesideSecret" (list
    (list "redis.url" $redis.url "redis.existingSecret.name" $redis.existingSecret.name)
    (list "redis.sentinel.password" $sentinel.password "redis.sentinel.existingSecret.name" $sentinel.existingSecret.name)
    (list "redis.sentinel.username" $sentinel.username "redis.sentinel.existingSecret.usernameKey" (and $sentinel.existingSecret.name $sentinel.existingSecret.usernameKey))
    (list "tracing.headers" .Values.tracing.headers "tracing.existingSecret.name" .Values.tracing.existingSecret.name)
    (list "sentry.dsn" .Values.sentry.dsn "sentry.existingSecret.name" .Values.sentry.existingSecret.name)
) -}}
{{- if not (or $redis.url $redis.existingSecret.name (include "realtime.tryEnvironment" .) (include "realtime.givenByHand" (dict "root" $ "name" "REALTIME_REDIS__URL"))) -}}
  {{- fail "redis: nothing says where Redis is. Set redis.existingSecret.name (a Secret whose key `url` holds it), or redis.url, such as redis://redis:6379/0." -}}
{{- end -}}
{{- if $redis.url -}}
  {{- if not (regexMatch "^(rediss?([+](sentinel|cluster))?|unix)://" $redis.url) -}}
    {{- fail "redis.url must begin with redis://, rediss:// (TLS), redis+sentinel://, rediss+sentinel://, redis+cluster://, rediss+cluster:// or unix://; see docs/redis.md." -}}
  {{- end -}}
  {{- if and (or $redis.tls.existingSecret.name $redis.tls.caSecret.name) (not (hasPrefix "rediss" $redis.url)) -}}
    {{- fail "redis.tls is set, but redis.url does not begin with rediss: nothing would be encrypted. Write rediss://, or unset redis.tls." -}}
  {{- end -}}
  {{- if and (or $sentinel.password $sentinel.existingSecret.name) (not (contains "+sentinel://" $redis.url)) -}}
    {{- fail "redis.sentinel is set, but redis.url does not begin with redis+sentinel:// or rediss+sentinel://. The password of a server stands in its URL." -}}
  {{- end -}}
{{- end -}}
{{- if and $sentinel.username (not (or $sentinel.password $sentinel.existingSecret.name)) -}}
  {{- fail "redis.sentinel.username is set without a password: set redis.sentinel.existingSecret (or redis.sentinel.password)." -}}
{{- end -}}
{{- include "realtime.validate.clientTls" (dict "path" "redis.tls" "tls" $redis.tls) -}}
{{- end -}}

{{/* One variable, two sources: which holds depends on their order, and that is no way to say it. */}}
{{- define "realtime.validate.twice" -}}
{{- $root := . -}}
{{- $ours := dict "REALTIME_POD__NAME" "the chart" "REALTIME_ROLES" "intake.enabled" "REALTIME_HTTP__PORT" "settings.http.port" -}}
{{- range concat (include "realtime.secrets" . | fromJsonArray) (include "realtime.files" . | fromJsonArray) -}}
  {{- if and (hasKey $ours .variable) (ne (get $ours .variable) .path) -}}
    {{- fail (printf "%s is given twice, by %s and %s: keep one." .variable (get $ours .variable) .path) -}}
  {{- end -}}
  {{- $_ := set $ours .variable .path -}}
{{- end -}}
{{- $settings := include "realtime.configMapData" . | fromYaml -}}
{{- range $variable, $path := omit $ours "REALTIME_HTTP__PORT" -}}
  {{- if hasKey $settings $variable -}}
    {{- fail (printf "settings gives %s, and so does %s: keep one." $variable $path) -}}
  {{- end -}}
{{- end -}}
{{- range $component, $workload := include "realtime.workloads" . | fromJson -}}
  {{- $seen := dict -}}
  {{- range $workload.extraEnv -}}
    {{- if hasKey $ours .name -}}
      {{- fail (printf "%s.extraEnv gives %s, which comes from %s: set that instead." $component .name (get $ours .name)) -}}
    {{- end -}}
    {{- if hasKey $seen .name -}}
      {{- fail (printf "%s.extraEnv gives %s twice: keep one." $component .name) -}}
    {{- end -}}
    {{- $_ := set $seen .name true -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.http" -}}
{{- $http := .Values.settings.http | default dict -}}
{{- if and (not (kindIs "invalid" $http.port)) (lt (int $http.port) 1) -}}
  {{- fail "settings.http.port is 0, which takes any free port: Services and probes need to know it. Unset it (3009), or choose one." -}}
{{- end -}}
{{- if and $http.port (lt (int $http.port) 1024) -}}
  {{- fail (printf "settings.http.port is %d: pods have no right to ports below 1024. Leave it; clients see service.port." (int $http.port)) -}}
{{- end -}}
{{- if regexMatch "^(127[.]|localhost$|::1$)" ($http.host | default "") -}}
  {{- fail (printf "settings.http.host is %s: nobody outside of the pod could reach it, probes neither. Unset it." $http.host) -}}
{{- end -}}
{{- if and .Values.service.nodePort (eq .Values.service.type "ClusterIP") -}}
  {{- fail "service.nodePort is set, but service.type is ClusterIP, which has none: set service.type to NodePort or LoadBalancer, or unset it." -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.networkPolicy" -}}
{{- $policy := .Values.networkPolicy -}}
{{- if and $policy.enabled $policy.egress.enabled (not (include "realtime.kafkaPorts" . | fromJsonArray)) -}}
  {{- fail "networkPolicy.egress.kafka.ports is empty, and settings.kafka.bootstrapServers names no port: pods could not reach Kafka. Set it to the ports that brokers name for themselves." -}}
{{- end -}}
{{- if and $policy.enabled $policy.egress.enabled .Values.redis.url -}}
  {{- $ports := list -}}
  {{- range $policy.egress.redis.ports -}}{{- $ports = append $ports (int .) -}}{{- end -}}
  {{- /* The hosts alone: a password may hold a colon and figures. */ -}}
  {{- $hosts := regexReplaceAll "^[^/]*//([^/]*@)?" .Values.redis.url "" | splitList "/" | first -}}
  {{- range splitList "," $hosts -}}
    {{- $port := regexFind ":[0-9]+$" . | trimPrefix ":" | default (ternary "26379" "6379" (contains "+sentinel" $.Values.redis.url)) | int -}}
    {{- if not (has $port $ports) -}}
      {{- fail (printf "networkPolicy.egress.redis.ports lacks %d, by which redis.url is reached: pods could not. Add it." $port) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
