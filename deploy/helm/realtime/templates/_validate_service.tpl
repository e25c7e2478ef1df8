{{/* What an API server would refuse of the public Service, or would leave out without a word. */}}

{{- define "realtime.validate.serviceFields" -}}
{{- $service := .Values.service -}}
{{- range $key, $types := dict "nodePort" (list "NodePort" "LoadBalancer") "externalTrafficPolicy" (list "NodePort" "LoadBalancer") "loadBalancerClass" (list "LoadBalancer") "loadBalancerSourceRanges" (list "LoadBalancer") -}}
  {{- if and (get $service $key) (not (has $service.type $types)) -}}
    {{- fail (printf "service.%s is set, but service.type is %s: it is for %s. Unset it, or change the type." $key $service.type (join " and " $types)) -}}
  {{- end -}}
{{- end -}}
{{- range $service.loadBalancerSourceRanges -}}
  {{- if not (regexMatch "^([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)/[0-9]{1,3}$" .) -}}
    {{- fail (printf "service.loadBalancerSourceRanges has %q: a range is an address and a length, such as 192.0.2.0/24." .) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
