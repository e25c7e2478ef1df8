{{/* What an autoscaler could not do, or would do badly. */}}

{{- define "realtime.validate.autoscaling" -}}
{{- $root := . -}}
{{- if and .Values.intake.autoscaling.enabled (not .Values.intake.enabled) -}}
  {{- fail "intake.autoscaling.enabled is true, but intake.enabled is not: there are no pods of that role to scale. Set intake.enabled=true, or scale gateway's pods." -}}
{{- end -}}
{{- range $component, $workload := include "realtime.workloads" . | fromJson -}}
  {{- if $workload.autoscaling.enabled -}}
    {{- $context := dict "root" $root "component" $component "workload" $workload "scaling" $workload.autoscaling "path" (printf "%s.autoscaling" $component) -}}
    {{- include "realtime.validate.autoscaling.bounds" $context -}}
    {{- include "realtime.validate.autoscaling.metrics" $context -}}
    {{- include "realtime.validate.autoscaling.cpu" $context -}}
    {{- include "realtime.validate.autoscaling.keda" $context -}}
    {{- include "realtime.validate.autoscaling.others" $context -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.autoscaling.bounds" -}}
{{- $scaling := .scaling -}}
{{- $min := int $scaling.minReplicas -}}
{{- $max := int $scaling.maxReplicas -}}
{{- if gt $min $max -}}
  {{- fail (printf "%s.minReplicas is %d, more than maxReplicas, %d: raise maxReplicas, or lower minReplicas." .path $min $max) -}}
{{- end -}}
{{- /* values.yaml's own number, which nobody has set, says nothing; 0 is none, as --set gateway.replicas=null leaves it. */ -}}
{{- $replicas := int .workload.replicas -}}
{{- if not (has $replicas (list 0 $min (ternary 2 3 (eq .component "intake")))) -}}
  {{- fail (printf "%s.replicas is %d, but %s.enabled is true, and the autoscaler decides how many there are: unset %s.replicas, and set %s.minReplicas and maxReplicas." .component $replicas .path .component .path) -}}
{{- end -}}
{{- $drain := include "realtime.drainSeconds" .root | int -}}
{{- if lt (int $scaling.scaleDown.periodSeconds) $drain -}}
  {{- fail (printf "%s.scaleDown.periodSeconds is %d, but a pod takes %d s to leave (settings.drain): the next would leave before its sockets have moved. Set it to %d or more." .path (int $scaling.scaleDown.periodSeconds) $drain $drain) -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.autoscaling.metrics" -}}
{{- $scaling := .scaling -}}
{{- $path := .path -}}
{{- $keda := eq $scaling.kind "keda" -}}
{{- $extra := ternary $scaling.keda.extraTriggers $scaling.extraMetrics $keda -}}
{{- if not (or $scaling.connectionsPerPod $scaling.cpuUtilizationPercent $scaling.kafkaLagRecords $extra) -}}
  {{- fail (printf "%s is enabled, but has nothing to go by: set connectionsPerPod, cpuUtilizationPercent or kafkaLagRecords." $path) -}}
{{- end -}}
{{- if and $scaling.connectionsPerPod (eq .component "intake") -}}
  {{- fail (printf "%s.connectionsPerPod is set, but intake's pods hold no sockets: unset it (null), and set kafkaLagRecords or cpuUtilizationPercent." $path) -}}
{{- end -}}
{{- if and $scaling.kafkaLagRecords (eq .component "gateway") .root.Values.intake.enabled -}}
  {{- fail (printf "%s.kafkaLagRecords is set, but with intake.enabled gateway's pods take in nothing: set intake.autoscaling.kafkaLagRecords instead." $path) -}}
{{- end -}}
{{- with $scaling.connectionsPerPod -}}
  {{- $limit := include "realtime.scaling.sessionsPerPod" $.root | int64 -}}
  {{- if ge (int64 .) $limit -}}
    {{- fail (printf "%s.connectionsPerPod is %d, but a pod takes no more than %d (settings.limits.sessionsPerPod): that average is never exceeded, and no pod would be added while clients are sent away. Set it to %d or less." $path (int64 .) $limit (mulf $limit 0.7 | floor | int64)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Utilization is of what the container asks for; and an event loop cannot use more than one core. */}}
{{- define "realtime.validate.autoscaling.cpu" -}}
{{- $percent := .scaling.cpuUtilizationPercent -}}
{{- if $percent -}}
  {{- $request := dig "requests" "cpu" "" .workload.resources -}}
  {{- if not $request -}}
    {{- fail (printf "%s.cpuUtilizationPercent is %d, per cent of %s.resources.requests.cpu, which is not set: set it to 1, or cpuUtilizationPercent to null." .path (int $percent) .component) -}}
  {{- end -}}
  {{- $target := div (mul (include "realtime.scaling.millicores" $request) (int $percent)) 100 -}}
  {{- if ge (int $target) 1000 -}}
    {{- fail (printf "%s.cpuUtilizationPercent is %d of %s.resources.requests.cpu, %v: that is %.2f cores, but a pod is one event loop and uses one core at most, so no pod would ever be added. Ask for 1 core, or set fewer per cent." .path (int $percent) .component $request (divf $target 1000.0)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "realtime.validate.autoscaling.keda" -}}
{{- $scaling := .scaling -}}
{{- $keda := $scaling.keda -}}
{{- $path := .path -}}
{{- if ne $scaling.kind "keda" -}}
  {{- if or $keda.prometheusAddress $keda.extraTriggers (ne $keda.lagFrom "prometheus") -}}
    {{- fail (printf "%s.keda is set, but %s.kind is %s: set kind to keda, or unset what is in keda. There is never both." $path $path $scaling.kind) -}}
  {{- end -}}
{{- else -}}
  {{- if $scaling.extraMetrics -}}
    {{- fail (printf "%s.extraMetrics is set, but %s.kind is keda, which takes triggers: set keda.extraTriggers instead." $path $path) -}}
  {{- end -}}
  {{- $lagFromKafka := eq $keda.lagFrom "kafka" -}}
  {{- if and (or $scaling.connectionsPerPod (and $scaling.kafkaLagRecords (not $lagFromKafka))) (not $keda.prometheusAddress) -}}
    {{- fail (printf "%s.keda.prometheusAddress is empty: KEDA asks Prometheus for connections and lag. Set it, such as http://prometheus-operated.monitoring:9090." $path) -}}
  {{- end -}}
  {{- if and $lagFromKafka $scaling.kafkaLagRecords -}}
    {{- if not (include "realtime.scaling.bootstrapServers" .root) -}}
      {{- fail (printf "%s.keda.lagFrom is kafka, but settings.kafka.bootstrapServers is not set, so KEDA cannot be told where Kafka is: set it, or lagFrom to prometheus." $path) -}}
    {{- end -}}
    {{- $protocol := dig "kafka" "securityProtocol" "PLAINTEXT" .root.Values.settings -}}
    {{- if and (ne $protocol "PLAINTEXT") (not $keda.kafkaAuthentication.name) -}}
      {{- fail (printf "%s.keda.kafkaAuthentication.name is empty, but settings.kafka.securityProtocol is %s: name a TriggerAuthentication with sasl, username, password and tls, or set lagFrom to prometheus." $path $protocol) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* At a real install: two autoscalers of one Deployment pull it to and fro, and KEDA refuses to be one of them. */}}
{{- define "realtime.validate.autoscaling.others" -}}
{{- $name := include "realtime.workloadName" . -}}
{{- $scaling := .scaling -}}
{{- $path := .path -}}
{{- $namespace := .root.Release.Namespace -}}
{{- range (lookup "autoscaling/v2" "HorizontalPodAutoscaler" $namespace "").items -}}
  {{- $ours := and (eq $scaling.kind "hpa") (eq .metadata.name $name) -}}
  {{- range .metadata.ownerReferences -}}
    {{- if and (eq .kind "ScaledObject") (eq .name $name) -}}{{- $ours = true -}}{{- end -}}
  {{- end -}}
  {{- if and (eq .spec.scaleTargetRef.kind "Deployment") (eq .spec.scaleTargetRef.name $name) (not $ours) -}}
    {{- fail (printf "%s.enabled is true with kind %s, but the HorizontalPodAutoscaler %q scales deployment/%s already, and two would fight. Delete it first, replicas stay as they are: kubectl -n %s delete hpa %s" $path $scaling.kind .metadata.name $name $namespace .metadata.name) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* What is no error, but should be known: a JSON list. */}}
{{- define "realtime.notes.autoscaling" -}}
{{- $root := . -}}
{{- $notes := list -}}
{{- range $component, $workload := include "realtime.workloads" . | fromJson -}}
{{- $scaling := $workload.autoscaling -}}
{{- if $scaling.enabled -}}
  {{- $path := printf "%s.autoscaling" $component -}}
  {{- $max := int $scaling.maxReplicas -}}
  {{- $takesIn := or (eq $component "intake") (not $root.Values.intake.enabled) -}}
  {{- if and $takesIn $scaling.kafkaPartitions (gt $max (int $scaling.kafkaPartitions)) -}}
    {{- $idle := sub $max (int $scaling.kafkaPartitions) -}}
    {{- $notes = append $notes (printf "%s.maxReplicas is %d, and Kafka has %d partitions: %d pods would take in nothing%s." $path $max (int $scaling.kafkaPartitions) $idle (ternary ", and be idle" "" (eq $component "intake"))) -}}
  {{- else if and (eq $component "intake") (not $scaling.kafkaPartitions) -}}
    {{- $notes = append $notes (printf "%s.maxReplicas is %d: pods beyond the number of partitions, of all topics together, are idle. Set %s.kafkaPartitions to have that checked." $path $max $path) -}}
  {{- end -}}
  {{- with $scaling.connectionsPerPod -}}
    {{- $limit := include "realtime.scaling.sessionsPerPod" $root | int64 -}}
    {{- if gt (mulf . 1.1) (mulf $limit 0.8) -}}
      {{- $notes = append $notes (printf "%s.connectionsPerPod is %d; an autoscaler acts at a tenth more, and RealtimeNearCapacity pages at %d (80 %% of settings.limits.sessionsPerPod): somebody is woken before a pod is added. %d is better." $path (int64 .) (mulf $limit 0.8 | int64) (mulf $limit 0.7 | int64)) -}}
    {{- end -}}
  {{- end -}}
  {{- if and (eq $scaling.kind "hpa") (lookup "v1" "ConfigMap" $root.Release.Namespace "") -}}
    {{- range list
        (list "connectionsPerPod" $scaling.connectionsPerPod "custom.metrics.k8s.io" "prometheus-adapter")
        (list "kafkaLagRecords" $scaling.kafkaLagRecords "external.metrics.k8s.io" "prometheus-adapter")
        (list "cpuUtilizationPercent" $scaling.cpuUtilizationPercent "metrics.k8s.io" "metrics-server")
    -}}
      {{- $served := or ($root.Capabilities.APIVersions.Has (printf "%s/v1beta1" (index . 2))) ($root.Capabilities.APIVersions.Has (printf "%s/v1beta2" (index . 2))) -}}
      {{- if and (index . 1) (not $served) -}}
        {{- $notes = append $notes (printf "%s.%s needs %s, which this cluster does not serve: install %s, see docs/autoscaling.md. Until then pods do not become fewer, nor more by that." $path (index . 0) (index . 2) (index . 3)) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $notes -}}
{{- end -}}
