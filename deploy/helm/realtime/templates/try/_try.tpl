{{/* A throw-away Kafka and Valkey for trying things out: where they are, and who may use them. */}}

{{- define "realtime.try.kafkaName" -}}
{{ include "realtime.fullname" . }}-kafka
{{- end }}

{{- define "realtime.try.redisName" -}}
{{ include "realtime.fullname" . }}-redis
{{- end }}

{{/* Settings of the service's pods. */}}
{{- define "realtime.tryEnvironment" -}}
{{- if .Values.try.enabled -}}
REALTIME_KAFKA__BOOTSTRAP_SERVERS: {{ printf "%s:9092" (include "realtime.try.kafkaName" .) | quote }}
REALTIME_REDIS__URL: {{ printf "redis://%s:6379/0" (include "realtime.try.redisName" .) | quote }}
{{- end }}
{{- end }}

{{/* The Secret with the key auth-secret that this chart makes up: where it does, for nobody has named one. */}}
{{- define "realtime.tryAuthSecretName" -}}
{{- $auth := .Values.auth }}
{{- if and .Values.try.enabled (not (or $auth.secret $auth.publicKey $auth.existingSecret.name)) }}
{{- include "realtime.fullname" . }}-try
{{- end }}
{{- end }}

{{/* Of .root.Values.try.COMPONENT. */}}
{{- define "realtime.try.image" -}}
{{- $image := (get .root.Values.try .component).image }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest | quote }}
{{- else }}
{{- printf "%s:%s" $image.repository $image.tag | quote }}
{{- end }}
{{- end }}

{{/* Pod Security's `restricted`, as the image's own user. */}}
{{- define "realtime.try.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/* A throw-away Kafka beside a real one: one of them is a mistake, and which one is not for us to guess. */}}
{{- define "realtime.validate.try" -}}
{{- if .Values.try.enabled }}
{{- $instead := "try.enabled brings one of its own that keeps nothing: leave this out, or set try.enabled to false (values-try.yaml is for trying things out alone)" }}
{{- $settings := .Values.settings }}
{{- range list
    (list "settings.kafka.bootstrapServers" (dig "kafka" "bootstrapServers" "" $settings) "Kafka")
    (list "settings.kafka.securityProtocol" (dig "kafka" "securityProtocol" "" $settings) "Kafka")
    (list "kafka.sasl.username" .Values.kafka.sasl.username "Kafka")
    (list "kafka.sasl.existingSecret.name" .Values.kafka.sasl.existingSecret.name "Kafka")
    (list "kafka.tls.existingSecret.name" .Values.kafka.tls.existingSecret.name "Kafka")
    (list "kafka.tls.caSecret.name" .Values.kafka.tls.caSecret.name "Kafka")
    (list "redis.url" .Values.redis.url "Redis")
    (list "redis.existingSecret.name" .Values.redis.existingSecret.name "Redis")
    (list "redis.sentinel.existingSecret.name" .Values.redis.sentinel.existingSecret.name "Redis")
    (list "redis.tls.existingSecret.name" .Values.redis.tls.existingSecret.name "Redis")
    (list "redis.tls.caSecret.name" .Values.redis.tls.caSecret.name "Redis")
}}
{{- if index . 1 }}
{{- fail (printf "%s is for a %s of yours, but %s" (index . 0) (index . 2) $instead) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* For NOTES.txt: what to do next. */}}
{{- define "realtime.try.notes" -}}
{{- $name := include "realtime.fullname" . }}
{{- $namespace := .Release.Namespace }}
THIS IS FOR TRYING THINGS OUT. Kafka and Valkey keep their data in their pods: it is gone when those are replaced.

The image is not pulled from anywhere. If pods say ErrImageNeverPull or ImagePullBackOff, build it and load it into the cluster:

  make image && kind load docker-image {{ include "realtime.image" . }}

1. Wait until all is up, and reach it:

  kubectl -n {{ $namespace }} wait --for=condition=available --timeout=5m deployment -l app.kubernetes.io/instance={{ .Release.Name }}
  kubectl -n {{ $namespace }} port-forward service/{{ $name }} 3009:{{ .Values.service.port }}

2. A token for the user u-1, good for an hour:

  kubectl -n {{ $namespace }} exec deployment/{{ $name }} -- realtime token u-1

3. Listen as u-1 (in a folder with `npm install socket.io-client`):

  TOKEN=$(kubectl -n {{ $namespace }} exec deployment/{{ $name }} -- realtime token u-1) node --input-type=module -e '
    import { io } from "socket.io-client";
    const socket = io("http://127.0.0.1:3009", { auth: { token: process.env.TOKEN }, transports: ["websocket"] });
    socket.onAny((...heard) => console.log(...heard));
    socket.on("connect", () => socket.emit("subscribe:orders", {}));
    socket.on("connect_error", (error) => console.log(error.message));'

4. Produce an event of an order of u-1; the listener prints it:

  echo '{"orderId": "o-17", "buyerId": "u-1", "status": "shipped"}' | kubectl -n {{ $namespace }} exec -i deployment/{{ include "realtime.try.kafkaName" . }} -- /opt/kafka/bin/kafka-console-producer.sh --bootstrap-server 127.0.0.1:9094 --topic order.updated

In the end: helm -n {{ $namespace }} uninstall {{ .Release.Name }}
{{- end }}
