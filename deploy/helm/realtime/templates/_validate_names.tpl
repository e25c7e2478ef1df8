{{/* The form of names and numbers, where a schema could say no more than "does not match pattern". */}}

{{- define "realtime.validate.names" -}}
{{- with .Values.fullnameOverride -}}
  {{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" .) -}}
    {{- fail (printf "fullnameOverride is %q: names in Kubernetes are of a-z, 0-9 and -, begin with a letter, and end with none of -. Take one such as realtime-shop." .) -}}
  {{- end -}}
{{- end -}}
{{- $fullname := include "realtime.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $fullname) -}}
  {{- fail (printf "fullnameOverride is not set, and the release %q would have everything called %q: a Service's name is of a-z, 0-9 and -, and begins with a letter. Set fullnameOverride to one such as realtime-shop." .Release.Name $fullname) -}}
{{- end -}}
{{- with .Values.serviceAccount.name -}}
  {{- if not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" .) -}}
    {{- fail (printf "serviceAccount.name is %q: names in Kubernetes are of a-z, 0-9, - and ., and begin and end with a letter or figure. Take one such as realtime." .) -}}
  {{- end -}}
{{- end -}}
{{- range $path, $image := dict "image" .Values.image "try.kafka.image" .Values.try.kafka.image "try.redis.image" .Values.try.redis.image -}}
  {{- if and $image.tag (not (regexMatch "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$" $image.tag)) -}}
    {{- fail (printf "%s.tag is %q: a tag is at most 128 of A-Z a-z 0-9 _ . - and begins with none of . and -. A registry or name stands in %s.repository." $path $image.tag $path) -}}
  {{- end -}}
  {{- if and $image.digest (not (regexMatch "^sha256:[0-9a-f]{64}$" $image.digest)) -}}
    {{- fail (printf "%s.digest is %q: a digest is sha256: and 64 of 0-9 a-f behind it, as the registry tells. Unset it to go by the tag." $path $image.digest) -}}
  {{- end -}}
{{- end -}}
{{- range $component, $workload := include "realtime.workloads" . | fromJson -}}
  {{- range $key := list "maxUnavailable" "minAvailable" -}}
    {{- $value := index $workload.podDisruptionBudget $key -}}
    {{- if and (kindIs "string" $value) (not (regexMatch "^[0-9]+%$" $value)) -}}
      {{- fail (printf "%s.podDisruptionBudget.%s is %q: it is a number of pods, such as 1 without quotes, or a part of them, such as 10%%." $component $key $value) -}}
    {{- end -}}
  {{- end -}}
  {{- range $key, $value := $workload.updateStrategy.rollingUpdate -}}
    {{- if and (kindIs "string" $value) (not (regexMatch "^[0-9]+%$" $value)) -}}
      {{- fail (printf "%s.updateStrategy.rollingUpdate.%s is %q: it is a number of pods, such as 1 without quotes, or a part of them, such as 10%%." $component $key $value) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
