{{/* What can be known at a real install or upgrade alone, where `lookup` sees the cluster; `helm template` skips it. */}}

{{/*
A Secret that is not there, or lacks a key, stops the install here, and not the pod at night. Where there is no cluster
lookup finds nothing either; a list, which is never empty itself, tells the two apart. Helm may list Secrets anyway: it
keeps its releases in them.
*/}}
{{- define "realtime.validate.secrets" -}}
{{- if .Values.checkSecrets -}}
{{- $namespace := .Release.Namespace -}}
{{- range concat (include "realtime.secrets" . | fromJsonArray) (include "realtime.files" . | fromJsonArray) -}}
  {{- if not (or .value .made) -}}
    {{- $found := lookup "v1" "Secret" $namespace .secret -}}
    {{- if $found -}}
      {{- if not (hasKey ($found.data | default dict) .key) -}}
        {{- fail (printf "%s: the Secret %q in namespace %q has no key %q; it has: %s." .path .secret $namespace .key (keys ($found.data | default dict) | sortAlpha | join ", " | default "none")) -}}
      {{- end -}}
    {{- else if lookup "v1" "Secret" $namespace "" -}}
      {{- fail (printf "%s: there is no Secret %q in namespace %q. Create it first; or set checkSecrets=false if something makes it later, such as External Secrets." .path .secret $namespace) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Pods that divide rooms differently, or look for them under another prefix, do not hear each other: such a change needs
all pods stopped, and a rolling upgrade has both kinds at once. Deleted and not scaled to 0, since Helm 4 would not take
the number of pods back from whoever scaled them.
*/}}
{{- define "realtime.validate.upgrade" -}}
{{- $name := include "realtime.fullname" . -}}
{{- $namespace := .Release.Namespace -}}
{{- $live := lookup "v1" "ConfigMap" $namespace $name -}}
{{- if $live -}}
  {{- $running := list -}}
  {{- $pods := 0 -}}
  {{- range list $name (printf "%s-intake" $name) -}}
    {{- $here := dig "status" "replicas" 0 (lookup "apps/v1" "Deployment" $namespace .) | int -}}
    {{- if $here -}}{{- $running = append $running . -}}{{- end -}}
    {{- $pods = add $pods $here -}}
  {{- end -}}
  {{- $next := include "realtime.configMapData" . | fromYaml -}}
  {{- range list (list "REALTIME_REDIS__SHARDS" "1" "settings.redis.shards") (list "REALTIME_REDIS__KEY_PREFIX" "realtime" "settings.redis.keyPrefix") -}}
    {{- $was := get ($live.data | default dict) (index . 0) | default (index . 1) -}}
    {{- $will := get $next (index . 0) | default (index . 1) -}}
    {{- if and (ne $was $will) (gt (int $pods) 0) -}}
      {{- fail (printf "%s would change from %s to %s while %d pods run, and pods of both kinds do not hear each other. Stop all of them first; they leave in order, and the upgrade makes them anew: kubectl -n %s delete deployment %s --cascade=foreground. See docs/redis.md." (index . 2) $was $will (int $pods) $namespace (join " " $running)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
