{{/* What would not work, or only until the first restart. */}}

{{- define "realtime.validate.ingress" -}}
{{- if ne .Values.ingress.preset "none" -}}
{{- include "realtime.validate.ingress.host" . -}}
{{- include "realtime.validate.ingress.sticky" . -}}
{{- include "realtime.validate.ingress.sameSite" . -}}
{{- include "realtime.validate.ingress.idle" . -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.ingress.host" -}}
{{- $ingress := .Values.ingress -}}
{{- if not $ingress.host -}}
  {{- fail "ingress.host is empty: name the host that clients come to, such as realtime.shop.example" -}}
{{- end -}}
{{- if include "realtime.ingress.isGateway" . -}}
  {{- if not $ingress.gateway.parentRefs -}}
    {{- fail (printf "ingress.gateway.parentRefs is empty, but preset %s needs a Gateway to hang on: name it, such as [{name: public, namespace: gateways}]" $ingress.preset) -}}
  {{- end -}}
  {{- if .Values.http.tls.existingSecret.name -}}
    {{- fail (printf "ingress.preset is %s and http.tls.existingSecret.name is set: a Gateway speaks https to pods only with a BackendTLSPolicy that names your CA. Unset one of them, or bring your own route (ingress.preset: none)" $ingress.preset) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.ingress.sticky" -}}
{{- $sticky := .Values.ingress.sticky -}}
{{- if and (not $sticky.enabled) (include "realtime.ingress.polls" .) -}}
  {{- fail "ingress.sticky.enabled is false, but clients may poll (polling without stickiness): a session is lost at the first request that another pod gets. Set settings.sockets.transports to [websocket], or ingress.sticky.enabled to true" -}}
{{- end -}}
{{- if and (eq .Values.ingress.preset "alb") (ne $sticky.cookieName "realtime") -}}
  {{- fail (printf "ingress.sticky.cookieName is %s, but an ALB names its cookies itself (AWSALB, AWSALBCORS): leave it out" $sticky.cookieName) -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.ingress.sameSite" -}}
{{- $ingress := .Values.ingress -}}
{{- $sameSite := $ingress.sticky.sameSite -}}
{{- if and $sameSite $ingress.sticky.enabled -}}
  {{- if and (eq $sameSite "None") (not $ingress.tls.enabled) -}}
    {{- fail "ingress.sticky.sameSite is None, but ingress.tls.enabled is false: browsers drop such a cookie unless it is Secure. Set ingress.tls.enabled to true" -}}
  {{- end -}}
  {{- if eq $ingress.preset "alb" -}}
    {{- fail "ingress.sticky.sameSite is set, but an ALB sets it itself: its cookie for requests from other sites, AWSALBCORS, has SameSite=None. Leave it out" -}}
  {{- end -}}
  {{- if and (eq $ingress.preset "haproxy") (eq $ingress.haproxy.controller "haproxytech") -}}
    {{- fail "ingress.sticky.sameSite is set, but haproxytech's controller cannot set it: serve the page from the same site, or take ingress.haproxy.controller: haproxy-ingress, or another preset" -}}
  {{- end -}}
  {{- if and (include "realtime.ingress.isGateway" .) (or (eq $ingress.preset "gateway-api") (eq $ingress.gateway.affinity "sessionPersistence")) -}}
    {{- fail "ingress.sticky.sameSite is set, but sessionPersistence of the Gateway API has no place for it: serve the page from the same site, or take preset envoy-gateway with ingress.gateway.affinity: consistentHash" -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.ingress.idle" -}}
{{- $idle := include "realtime.ingress.idleSeconds" . | int64 -}}
{{- $silence := include "realtime.ingress.silenceSeconds" . | int64 -}}
{{- if le $idle $silence -}}
  {{- fail (printf "ingress.idleTimeoutSeconds is %d, but a websocket may be silent for %d s (settings.sockets.pingIntervalSeconds + pingTimeoutSeconds): make it more, or null" $idle $silence) -}}
{{- end -}}
{{- if and (eq .Values.ingress.preset "alb") (gt $idle 4000) -}}
  {{- fail (printf "ingress.idleTimeoutSeconds is %d, but an ALB takes 4000 at most: make it less, and settings.sockets.pingIntervalSeconds with it" $idle) -}}
{{- end -}}
{{- end -}}
