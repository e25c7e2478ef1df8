{{/* What the ingress presets have in common, and what each controller must be told. */}}

{{/* How long a websocket may be silent: until the pod's next ping, and its client's answer. */}}
{{- define "realtime.ingress.silenceSeconds" -}}
{{- $sockets := .Values.settings.sockets | default dict -}}
{{- $interval := $sockets.pingIntervalSeconds -}}
{{- $timeout := $sockets.pingTimeoutSeconds -}}
{{- addf (kindIs "invalid" $interval | ternary 25.0 $interval | float64) (kindIs "invalid" $timeout | ternary 20.0 $timeout | float64) | ceil | int64 -}}
{{- end -}}

{{/* After this long without a byte a proxy may cut: `ingress.idleTimeoutSeconds`, or twice the longest silence. */}}
{{- define "realtime.ingress.idleSeconds" -}}
{{- $set := .Values.ingress.idleTimeoutSeconds -}}
{{- kindIs "invalid" $set | ternary (mul 2 (include "realtime.ingress.silenceSeconds" . | int64)) $set | int64 -}}
{{- end -}}

{{/* "true" where clients may poll, as they may unless the settings say otherwise. */}}
{{- define "realtime.ingress.polls" -}}
{{- $transports := dig "sockets" "transports" list .Values.settings | default (list "polling" "websocket") -}}
{{- if kindIs "string" $transports -}}{{- $transports = $transports | nospace | splitList "," -}}{{- end -}}
{{- if has "polling" $transports -}}true{{- end -}}
{{- end -}}

{{- define "realtime.ingress.isGateway" -}}
{{- if has .Values.ingress.preset (list "gateway-api" "envoy-gateway") -}}true{{- end -}}
{{- end -}}

{{- define "realtime.ingress.paths" -}}
{{- ternary (list "/socket.io/" "/realtime/") (list "/socket.io/") .Values.ingress.exposeRest | toJson -}}
{{- end -}}

{{/* Of the Ingress; `ingress.annotations` go over them. */}}
{{- define "realtime.ingress.annotations" -}}
{{- $preset := .Values.ingress.preset -}}
{{- $annotations := dict -}}
{{- if eq $preset "nginx" -}}
  {{- $annotations = include "realtime.ingress.nginx" . | fromYaml -}}
{{- else if eq $preset "alb" -}}
  {{- $annotations = include "realtime.ingress.alb" . | fromYaml -}}
{{- else if and (eq $preset "haproxy") (eq .Values.ingress.haproxy.controller "haproxy-ingress") -}}
  {{- $annotations = include "realtime.ingress.haproxyIngress" . | fromYaml -}}
{{- end -}}
{{- merge (deepCopy .Values.ingress.annotations) $annotations | toYaml -}}
{{- end -}}

{{/* Of the public Service, by which some controllers are told how to send there; `service.annotations` go over them. */}}
{{- define "realtime.ingress.serviceAnnotations" -}}
{{- $preset := .Values.ingress.preset -}}
{{- $annotations := dict -}}
{{- if eq $preset "traefik" -}}
  {{- $annotations = include "realtime.ingress.traefik" . | fromYaml -}}
{{- else if and (eq $preset "haproxy") (eq .Values.ingress.haproxy.controller "haproxytech") -}}
  {{- $annotations = include "realtime.ingress.haproxytech" . | fromYaml -}}
{{- end -}}
{{- merge (deepCopy .Values.service.annotations) $annotations | toYaml -}}
{{- end -}}

{{/* Traefik takes pods from the EndpointSlices: one that leaves gets its own clients alone. */}}
{{- define "realtime.ingress.traefik" -}}
{{- $sticky := .Values.ingress.sticky -}}
traefik.ingress.kubernetes.io/service.serversscheme: {{ include "realtime.httpScheme" . | lower }}
{{- if $sticky.enabled }}
traefik.ingress.kubernetes.io/service.sticky.cookie: "true"
traefik.ingress.kubernetes.io/service.sticky.cookie.name: {{ $sticky.cookieName | quote }}
traefik.ingress.kubernetes.io/service.sticky.cookie.httponly: "true"
traefik.ingress.kubernetes.io/service.sticky.cookie.secure: {{ .Values.ingress.tls.enabled | quote }}
traefik.ingress.kubernetes.io/service.sticky.cookie.path: /socket.io/
{{- with $sticky.sameSite }}
traefik.ingress.kubernetes.io/service.sticky.cookie.samesite: {{ lower . }}
{{- end }}
{{- with $sticky.maxAgeSeconds }}
traefik.ingress.kubernetes.io/service.sticky.cookie.maxage: {{ int . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
HAProxy Technologies' controller (haproxy.org). Timeouts of clients and of tunnels are its ConfigMap's alone: 50 s and an
hour, if nobody changed them.
*/}}
{{- define "realtime.ingress.haproxytech" -}}
haproxy.org/load-balance: leastconn
haproxy.org/timeout-server: {{ include "realtime.ingress.idleSeconds" . }}s
haproxy.org/check: "true"
haproxy.org/check-http: /health/ready
haproxy.org/check-interval: 2s
haproxy.org/forwarded-for: "true"
haproxy.org/server-ssl: {{ eq (include "realtime.httpScheme" .) "HTTPS" | quote }}
{{- if .Values.ingress.sticky.enabled }}
haproxy.org/cookie-persistence: {{ .Values.ingress.sticky.cookieName | quote }}
{{- end }}
{{- end -}}

{{/* The community's controller (haproxy-ingress.github.io). */}}
{{- define "realtime.ingress.haproxyIngress" -}}
{{- $sticky := .Values.ingress.sticky -}}
{{- $idle := include "realtime.ingress.idleSeconds" . -}}
haproxy-ingress.github.io/balance-algorithm: leastconn
haproxy-ingress.github.io/timeout-server: {{ $idle }}s
haproxy-ingress.github.io/timeout-tunnel: {{ $idle }}s
haproxy-ingress.github.io/health-check-uri: /health/ready
haproxy-ingress.github.io/health-check-interval: 2s
haproxy-ingress.github.io/ssl-redirect: {{ .Values.ingress.tls.enabled | quote }}
haproxy-ingress.github.io/secure-backends: {{ eq (include "realtime.httpScheme" .) "HTTPS" | quote }}
{{- if $sticky.enabled }}
haproxy-ingress.github.io/affinity: cookie
haproxy-ingress.github.io/session-cookie-name: {{ $sticky.cookieName | quote }}
haproxy-ingress.github.io/session-cookie-strategy: insert
haproxy-ingress.github.io/session-cookie-value-strategy: pod-uid
haproxy-ingress.github.io/session-cookie-keywords: "indirect nocache httponly{{ if .Values.ingress.tls.enabled }} secure{{ end }}{{ with $sticky.sameSite }} attr SameSite={{ . }}{{ end }}{{ with $sticky.maxAgeSeconds }} maxlife {{ int . }}s{{ end }}"
{{- end }}
{{- end -}}

{{/*
`persistent`: by default new pods take their part of the sessions that are there, which breaks those that poll. Deprecated
as a whole: ingress-nginx gets no more releases.
*/}}
{{- define "realtime.ingress.nginx" -}}
{{- $sticky := .Values.ingress.sticky -}}
{{- $idle := include "realtime.ingress.idleSeconds" . -}}
nginx.ingress.kubernetes.io/proxy-read-timeout: {{ $idle | quote }}
nginx.ingress.kubernetes.io/proxy-send-timeout: {{ $idle | quote }}
nginx.ingress.kubernetes.io/proxy-buffering: "off"
nginx.ingress.kubernetes.io/ssl-redirect: {{ .Values.ingress.tls.enabled | quote }}
nginx.ingress.kubernetes.io/backend-protocol: {{ include "realtime.httpScheme" . }}
{{- if $sticky.enabled }}
nginx.ingress.kubernetes.io/affinity: cookie
nginx.ingress.kubernetes.io/affinity-mode: persistent
nginx.ingress.kubernetes.io/session-cookie-name: {{ $sticky.cookieName | quote }}
nginx.ingress.kubernetes.io/session-cookie-path: /socket.io/
nginx.ingress.kubernetes.io/session-cookie-change-on-failure: "true"
nginx.ingress.kubernetes.io/session-cookie-secure: {{ .Values.ingress.tls.enabled | quote }}
{{- with $sticky.sameSite }}
nginx.ingress.kubernetes.io/session-cookie-samesite: {{ . }}
{{- end }}
{{- with $sticky.maxAgeSeconds }}
nginx.ingress.kubernetes.io/session-cookie-max-age: {{ int . | quote }}
nginx.ingress.kubernetes.io/session-cookie-expires: {{ int . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Targets are pods themselves, else the cookie would name a node. A target that leaves is cut no sooner than its pod. */}}
{{- define "realtime.ingress.alb" -}}
{{- $ingress := .Values.ingress -}}
{{- $scheme := include "realtime.httpScheme" . -}}
alb.ingress.kubernetes.io/scheme: {{ $ingress.alb.scheme }}
alb.ingress.kubernetes.io/target-type: ip
alb.ingress.kubernetes.io/backend-protocol: {{ $scheme }}
alb.ingress.kubernetes.io/healthcheck-protocol: {{ $scheme }}
alb.ingress.kubernetes.io/healthcheck-path: /health/ready
alb.ingress.kubernetes.io/healthcheck-interval-seconds: "5"
alb.ingress.kubernetes.io/healthcheck-timeout-seconds: "2"
alb.ingress.kubernetes.io/healthy-threshold-count: "2"
alb.ingress.kubernetes.io/unhealthy-threshold-count: "2"
alb.ingress.kubernetes.io/success-codes: "200"
alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds={{ include "realtime.ingress.idleSeconds" . }}
alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay.timeout_seconds={{ include "realtime.drainSeconds" . }},load_balancing.algorithm.type=least_outstanding_requests
{{- if $ingress.sticky.enabled }},stickiness.enabled=true,stickiness.type=lb_cookie,stickiness.lb_cookie.duration_seconds={{ $ingress.sticky.maxAgeSeconds | default 86400 | int }}{{ end }}
{{- if $ingress.tls.enabled }}
alb.ingress.kubernetes.io/listen-ports: '[{"HTTP": 80}, {"HTTPS": 443}]'
alb.ingress.kubernetes.io/ssl-redirect: "443"
{{- with $ingress.alb.certificateArn }}
alb.ingress.kubernetes.io/certificate-arn: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}
