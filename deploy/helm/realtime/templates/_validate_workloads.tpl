{{/* What holds for each of the two Deployments. */}}

{{- define "realtime.validate.workloads" -}}
{{- $root := . -}}
{{- range $component, $workload := include "realtime.workloads" . | fromJson -}}
  {{- $context := dict "root" $root "path" $component "workload" $workload -}}
  {{- include "realtime.validate.grace" $context -}}
  {{- include "realtime.validate.updateStrategy" $context -}}
  {{- include "realtime.validate.podDisruptionBudget" $context -}}
  {{- include "realtime.validate.extraPodSpec" $context -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.grace" -}}
{{- $drain := include "realtime.drainSeconds" .root | int -}}
{{- $needed := add $drain 60 -}}
{{- $set := .workload.terminationGracePeriodSeconds -}}
{{- if and (not (kindIs "invalid" $set)) (lt (int64 $set) $needed) -}}
  {{- fail (printf "%s.terminationGracePeriodSeconds is %d, but a pod needs %d s to leave: settings.drain's settleSeconds + graceSeconds (%d) and 60. Unset it, and it is computed; or shorten the drain." .path (int64 $set) $needed $drain) -}}
{{- end -}}
{{- $ready := kindIs "invalid" .workload.minReadySeconds | ternary $drain .workload.minReadySeconds | int -}}
{{- if le (int .workload.progressDeadlineSeconds) $ready -}}
  {{- fail (printf "%s.progressDeadlineSeconds is %d, but a pod must be ready for %d s before it counts (%s.minReadySeconds): every rollout would fail. Set it to %d or more." .path (int .workload.progressDeadlineSeconds) $ready .path (add $ready 300)) -}}
{{- end -}}
{{- end -}}

{{/* How many pods a number or a part of them is, rounded up. dict "value" "pods" */}}
{{- define "realtime.podsOf" -}}
{{- if kindIs "string" .value -}}
{{- divf (mulf (trimSuffix "%" .value | float64) (float64 .pods)) 100.0 | ceil | int -}}
{{- else -}}
{{- int .value -}}
{{- end -}}
{{- end -}}

{{/* A rollout that cannot go on, or that ends all sockets at once. */}}
{{- define "realtime.validate.updateStrategy" -}}
{{- $update := .workload.updateStrategy.rollingUpdate | default dict -}}
{{- $path := printf "%s.updateStrategy.rollingUpdate" .path -}}
{{- if and (hasKey $update "maxUnavailable") (hasKey $update "maxSurge") -}}
  {{- if and (eq (toString $update.maxUnavailable | trimSuffix "%" | int) 0) (eq (toString $update.maxSurge | trimSuffix "%" | int) 0) -}}
    {{- fail (printf "%s.maxSurge and maxUnavailable are both 0: no pod could ever be replaced. Set maxSurge to 1." $path) -}}
  {{- end -}}
{{- end -}}
{{- $pods := .workload.autoscaling.enabled | ternary .workload.autoscaling.minReplicas .workload.replicas | int -}}
{{- if hasKey $update "maxUnavailable" -}}
  {{- $missing := include "realtime.podsOf" (dict "value" $update.maxUnavailable "pods" $pods) | int -}}
  {{- if and (gt $missing 0) (ge $missing $pods) -}}
    {{- fail (printf "%s.maxUnavailable is %v of %d pods: a rollout could end all sockets before the first new pod is ready. Set it to 0, and maxSurge to 1 or more." $path $update.maxUnavailable $pods) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* A budget under which no pod may ever be taken: a node's drain would wait forever. */}}
{{- define "realtime.validate.podDisruptionBudget" -}}
{{- $budget := .workload.podDisruptionBudget -}}
{{- if $budget.enabled -}}
  {{- $path := printf "%s.podDisruptionBudget" .path -}}
  {{- $max := $budget.maxUnavailable -}}
  {{- $min := $budget.minAvailable -}}
  {{- $pods := .workload.replicas -}}
  {{- $named := printf "%s.replicas" .path -}}
  {{- if .workload.autoscaling.enabled -}}
    {{- $pods = .workload.autoscaling.minReplicas -}}
    {{- $named = printf "%s.autoscaling.minReplicas" .path -}}
  {{- end -}}
  {{- if kindIs "invalid" $min -}}
    {{- if kindIs "invalid" $max -}}
      {{- fail (printf "%s is enabled, but has neither maxUnavailable nor minAvailable: set maxUnavailable to 1." $path) -}}
    {{- end -}}
    {{- if eq (toString $max | trimSuffix "%" | int) 0 -}}
      {{- fail (printf "%s.maxUnavailable is %v: no pod may ever be taken, and a node's drain waits forever. Set it to 1 or more." $path $max) -}}
    {{- end -}}
    {{- if and (gt (int $pods) 1) (ge (include "realtime.podsOf" (dict "value" $max "pods" $pods) | int) (int $pods)) -}}
      {{- fail (printf "%s.maxUnavailable is %v, and there are %d pods (%s): all may be taken at once, and no other is there for their sockets. Set it to 1." $path $max (int $pods) $named) -}}
    {{- end -}}
  {{- else -}}
    {{- $stay := int $min -}}
    {{- if kindIs "string" $min -}}
      {{- $stay = divf (mulf (trimSuffix "%" $min | float64) (float64 $pods)) 100.0 | ceil | int -}}
    {{- end -}}
    {{- if ge $stay (int $pods) -}}
      {{- fail (printf "%s.minAvailable is %v, and there are %d pods (%s): none may ever be taken, and a node's drain waits forever. Set it to less, or use maxUnavailable." $path $min (int $pods) $named) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.extraPodSpec" -}}
{{- $instead := dict "containers" "extraContainers" "initContainers" "extraInitContainers" "volumes" "extraVolumes" -}}
{{- range $key := list "serviceAccountName" "automountServiceAccountToken" "enableServiceLinks" "imagePullSecrets" "securityContext" "terminationGracePeriodSeconds" "priorityClassName" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "containers" "initContainers" "volumes" -}}
  {{- if hasKey ($.workload.extraPodSpec | default dict) $key -}}
    {{- fail (printf "%s.extraPodSpec.%s: the chart sets this itself. Use %s, or leave it out." $.path $key (get $instead $key | default "the value that it has in README.md")) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
