{{/* What both kinds of autoscaler are made of. */}}

{{/* `replicas:` of a Deployment, or nothing. dict "root" "component" "workload"
Where an autoscaler decides, an upgrade must neither undo what it decided nor, by taking the field away, bring the
Deployment to 1: it says as many as there are. A first install begins with the fewest, and not with 1 until the autoscaler
wakes. Without a cluster to look at (`helm template`, Argo CD) nothing is said. */}}
{{- define "realtime.replicas" -}}
{{- $scaling := .workload.autoscaling -}}
{{- $namespace := .root.Release.Namespace -}}
{{- if not $scaling.enabled -}}
replicas: {{ int .workload.replicas }}
{{- else if lookup "v1" "ConfigMap" $namespace "" -}}
{{- $live := lookup "apps/v1" "Deployment" $namespace (include "realtime.workloadName" .) | dig "spec" "replicas" 0 | int -}}
replicas: {{ $live | default (int $scaling.minReplicas) }}
{{- end -}}
{{- end -}}

{{/* dict "autoscaling" */}}
{{- define "realtime.scaling.behavior" -}}
{{- $up := .autoscaling.scaleUp -}}
{{- $down := .autoscaling.scaleDown -}}
# Newcomers alone go to new pods, so these come early, and whichever of the two is more.
scaleUp:
  stabilizationWindowSeconds: {{ int $up.stabilizationWindowSeconds }}
  selectPolicy: Max
  policies:
    - {type: Pods, value: {{ int $up.pods }}, periodSeconds: {{ int $up.periodSeconds }}}
    - {type: Percent, value: {{ int $up.percent }}, periodSeconds: {{ int $up.periodSeconds }}}
# A pod that leaves sends its sockets to the others. The next one leaves after that, and only if none was wanted for long.
scaleDown:
  stabilizationWindowSeconds: {{ int $down.stabilizationWindowSeconds }}
  policies:
    - {type: Pods, value: {{ int $down.pods }}, periodSeconds: {{ int $down.periodSeconds }}}
{{- end -}}

{{/* What picks a workload's own series: of its pods, as a Deployment names them. dict "root" "component" */}}
{{- define "realtime.scaling.matchers" -}}
{{- with .root.Values.monitoring.cluster -}}cluster="{{ . }}",{{- end -}}
job="realtime",namespace="{{ .root.Release.Namespace }}",pod=~"{{ include "realtime.workloadName" . }}-[a-z0-9]+(-[a-z0-9]+)?"
{{- end -}}

{{/*
Records behind, but of each partition no more than one pod is asked to take: a second pod cannot help with it. What waits
for Redis or Kafka is not counted, since nobody can help then; where that is all, there is no answer, and pods stay.
extras/prometheus-adapter.yaml has the same. dict "matchers" "perPod"
*/}}
{{- define "realtime.scaling.lagQuery" -}}
sum(clamp_max(max by (topic, partition) (realtime_kafka_consumer_lag_records{ {{- .matchers -}} } unless on (pod) (max by (pod) (realtime_breaker_state{ {{- .matchers -}} }) > 0)), {{ .perPod }}))
{{- end -}}

{{/* limits.sessionsPerPod as pods have it. */}}
{{- define "realtime.scaling.sessionsPerPod" -}}
{{- dig "limits" "sessionsPerPod" 50000 .Values.settings | int64 -}}
{{- end -}}

{{/* A CPU quantity in thousandths of a core. */}}
{{- define "realtime.scaling.millicores" -}}
{{- $said := toString . -}}
{{- if hasSuffix "m" $said -}}
{{- trimSuffix "m" $said | float64 | ceil | int64 -}}
{{- else -}}
{{- mulf (float64 $said) 1000.0 | ceil | int64 -}}
{{- end -}}
{{- end -}}

{{- define "realtime.scaling.bootstrapServers" -}}
{{- $servers := dig "kafka" "bootstrapServers" "" .Values.settings -}}
{{- if kindIs "slice" $servers -}}{{- $servers = join "," $servers -}}{{- end -}}
{{- if and (not $servers) .Values.try.enabled -}}
{{- $servers = printf "%s-kafka.%s:9092" (include "realtime.fullname" .) .Release.Namespace -}}
{{- end -}}
{{- $servers -}}
{{- end -}}

{{- define "realtime.scaling.authentication" -}}
{{- if .name -}}
authenticationRef:
  name: {{ .name }}
  kind: {{ .kind }}
{{- end -}}
{{- end -}}
