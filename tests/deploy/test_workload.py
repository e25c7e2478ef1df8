"""The two Deployments: how their pods begin, live, spread and leave."""

from math import ceil
from typing import Any

import pytest

from parts.helm import render
from parts.helm_values import minimal
from parts.manifests import Manifest, container, deployments, environment, one, pod
from realtime.settings.clients import DrainSettings

SPLIT = minimal(intake={"enabled": True})


def gateway(values: dict[str, Any] | None = None, **options: Any) -> Manifest:
    return one(render(values or minimal(), **options), "Deployment", "realtime")


def test_all_pods_meet_the_restricted_profile_and_write_to_tmp_alone() -> None:
    manifests = render(SPLIT)
    pods = [pod(each) for each in deployments(manifests)] + [one(manifests, "Pod")["spec"]]
    assert len(pods) == 3
    for spec in pods:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        for each in spec["containers"]:
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_a_platform_that_gives_users_itself_gets_none() -> None:
    values = minimal(podSecurity={"runAsUser": None, "runAsGroup": None, "fsGroup": None})
    assert pod(gateway(values))["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_kubernetes_adds_no_variables_that_a_pod_would_take_for_misspelt_settings() -> None:
    # For a Service named realtime: REALTIME_PORT, REALTIME_SERVICE_HOST and others.
    manifests = render(SPLIT)
    for spec in [*map(pod, deployments(manifests)), one(manifests, "Pod")["spec"]]:
        assert spec["enableServiceLinks"] is False


def test_liveness_asks_no_dependency_and_readiness_does() -> None:
    probes = container(gateway())
    assert probes["startupProbe"]["httpGet"]["path"] == "/health/live"
    assert probes["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert probes["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_a_pod_that_is_not_ready_is_known_before_a_leaving_one_closes_sockets() -> None:
    probe = container(gateway())["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] <= DrainSettings().settle_seconds


def test_probes_speak_tls_where_pods_do() -> None:
    deployment = gateway(minimal(http={"tls": {"existingSecret": {"name": "pods-tls"}}}))
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container(deployment)[name]["httpGet"]["scheme"] == "HTTPS"


def test_the_grace_period_is_what_the_services_own_defaults_take() -> None:
    drain = DrainSettings()
    assert pod(gateway())["terminationGracePeriodSeconds"] == ceil(drain.settle_seconds + drain.grace_seconds) + 60


@pytest.mark.parametrize(
    ("drain", "seconds"),
    [
        ({"settleSeconds": 10, "graceSeconds": 120}, 190),
        ({"settleSeconds": 0, "graceSeconds": 0.5}, 61),
        ({"graceSeconds": 30}, 95),
        ({"settleSeconds": None, "graceSeconds": None}, 85),
    ],
)
def test_the_grace_period_follows_the_drain(drain: dict[str, Any], seconds: int) -> None:
    for each in deployments(render(minimal(settings={"drain": drain}, intake={"enabled": True}))):
        assert pod(each)["terminationGracePeriodSeconds"] == seconds
        assert each["spec"]["minReadySeconds"] == seconds - 60


def test_a_longer_grace_period_is_taken() -> None:
    assert pod(gateway(minimal(gateway={"terminationGracePeriodSeconds": 300})))["terminationGracePeriodSeconds"] == 300


def test_no_pre_stop_hook_stands_before_sigterm() -> None:
    assert "lifecycle" not in container(gateway())


def test_a_rollout_takes_one_pod_at_a_time_and_never_one_too_many() -> None:
    spec = gateway()["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert spec["progressDeadlineSeconds"] > spec["minReadySeconds"]


def test_pods_of_each_rollout_are_spread_over_zones_and_nodes_where_possible() -> None:
    constraints = pod(gateway())["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in constraints] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    for each in constraints:
        assert each["whenUnsatisfiable"] == "ScheduleAnyway"
        assert each["matchLabelKeys"] == ["pod-template-hash"]
        assert each["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"


def test_spreading_can_be_demanded_and_left_out() -> None:
    (zones,) = pod(gateway(minimal(gateway={"topologySpread": {"zones": "hard", "nodes": "none"}})))[
        "topologySpreadConstraints"
    ]
    assert zones["whenUnsatisfiable"] == "DoNotSchedule"
    assert "topologySpreadConstraints" not in pod(
        gateway(minimal(gateway={"topologySpread": {"zones": "none", "nodes": "none"}}))
    )


def test_what_pods_are_selected_by_never_changes() -> None:
    plain = gateway()["spec"]["selector"]
    changed = gateway(
        minimal(
            image={"tag": "2.0.0"},
            commonLabels={"team": "shop"},
            gateway={"podLabels": {"tier": "web", "app.kubernetes.io/component": "mine"}, "labels": {"a": "b"}},
        )
    )
    assert changed["spec"]["selector"] == plain
    labels = changed["spec"]["template"]["metadata"]["labels"]
    assert plain["matchLabels"].items() <= labels.items()
    assert labels["team"] == "shop"
    assert labels["tier"] == "web"


def test_another_version_of_the_chart_alone_restarts_no_pod() -> None:
    assert "helm.sh/chart" not in gateway()["spec"]["template"]["metadata"]["labels"]


def test_two_releases_whose_long_names_differ_at_the_end_are_two() -> None:
    releases = ["a" * 52 + "1", "a" * 52 + "2"]
    names = [{each["metadata"]["name"] for each in render(SPLIT, release=release)} for release in releases]
    assert names[0].isdisjoint(names[1])
    assert all(len(name) <= 63 for name in names[0] | names[1])


def test_a_change_of_settings_or_secrets_restarts_pods() -> None:
    def annotations(values: dict[str, Any]) -> dict[str, str]:
        found: dict[str, str] = gateway(values)["spec"]["template"]["metadata"]["annotations"]
        return found

    plain = annotations(minimal())
    assert annotations(minimal(settings={"log": {"level": "debug"}})) != plain
    assert annotations(minimal(redis={"url": "redis://elsewhere:6379/0"})) != plain
    assert annotations(minimal(service={"port": 8080})) == plain


def test_roles_are_split_into_two_deployments() -> None:
    manifests = render(SPLIT)
    roles = {
        each["metadata"]["name"]: environment(manifests, each)["REALTIME_ROLES"] for each in deployments(manifests)
    }
    assert roles == {"realtime": "sockets", "realtime-intake": "intake"}


def test_pods_do_both_unless_they_are_split() -> None:
    (deployment,) = deployments(manifests := render(minimal()))
    assert "REALTIME_ROLES" not in environment(manifests, deployment)


def test_what_intake_does_not_set_is_the_gateways_and_what_it_sets_replaces_it() -> None:
    values = minimal(
        gateway={
            "replicas": 7,
            "priorityClassName": "sockets",
            "nodeSelector": {"pool": "web"},
            "podAnnotations": {"a": "1"},
            "revisionHistoryLimit": 9,
        },
        intake={"enabled": True, "nodeSelector": {}, "podAnnotations": {"b": "2"}, "revisionHistoryLimit": 0},
    )
    intake = one(render(values), "Deployment", "realtime-intake")
    assert intake["spec"]["replicas"] == 2
    assert intake["spec"]["revisionHistoryLimit"] == 0
    assert pod(intake)["priorityClassName"] == "sockets"
    assert "nodeSelector" not in pod(intake)
    annotations = intake["spec"]["template"]["metadata"]["annotations"]
    assert annotations["b"] == "2"
    assert "a" not in annotations


def test_who_scales_pods_says_how_many_there_are() -> None:
    assert gateway(minimal(gateway={"replicas": 5}))["spec"]["replicas"] == 5
    assert "replicas" not in gateway(minimal(gateway={"autoscaling": {"enabled": True}}))["spec"]


def test_operators_may_add_to_a_pod() -> None:
    values = minimal(
        gateway={
            "extraEnv": [{"name": "TZ", "value": "UTC"}],
            "extraEnvFrom": [{"secretRef": {"name": "more"}}],
            "extraVolumes": [{"name": "more", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
            "extraContainers": [{"name": "beside", "image": "beside:1"}],
            "extraInitContainers": [{"name": "before", "image": "before:1"}],
            "tolerations": [{"key": "sockets", "operator": "Exists"}],
        }
    )
    deployment = gateway(values)
    assert {"name": "TZ", "value": "UTC"} in container(deployment)["env"]
    assert {"secretRef": {"name": "more"}} in container(deployment)["envFrom"]
    assert {"name": "more", "emptyDir": {}} in pod(deployment)["volumes"]
    assert {"name": "more", "mountPath": "/more"} in container(deployment)["volumeMounts"]
    assert pod(deployment)["containers"][1]["name"] == "beside"
    assert pod(deployment)["initContainers"][0]["name"] == "before"
    assert pod(deployment)["tolerations"] == [{"key": "sockets", "operator": "Exists"}]


def test_a_digest_goes_before_the_tag() -> None:
    digest = "sha256:" + "0" * 64
    values = minimal(image={"repository": "registry.example/realtime", "tag": "1.2.3", "digest": digest})
    assert container(gateway(values))["image"] == f"registry.example/realtime@{digest}"
    assert container(gateway(minimal(image={"tag": "1.2.3"})))["image"] == "realtime:1.2.3"


def test_whatever_else_a_pod_may_have_can_be_given() -> None:
    spec = pod(gateway(minimal(gateway={"extraPodSpec": {"runtimeClassName": "gvisor", "dnsPolicy": "None"}})))
    assert spec["runtimeClassName"] == "gvisor"
    assert spec["dnsPolicy"] == "None"


def test_large_numbers_in_what_is_added_stay_numbers() -> None:
    beside = {"name": "beside", "image": "beside:1", "resources": {"limits": {"memory": 20_000_000}}}
    assert pod(gateway(minimal(gateway={"extraContainers": [beside]})))["containers"][1] == beside


def test_a_pod_need_not_ask_for_anything() -> None:
    assert "resources" not in container(gateway(minimal(gateway={"resources": None})))


def test_a_priority_class_can_be_made_and_a_named_one_goes_before_it() -> None:
    values = minimal(priorityClass={"create": True}, intake={"enabled": True, "priorityClassName": "of-others"})
    manifests = render(values)
    assert one(manifests, "PriorityClass")["metadata"]["name"] == "shop-realtime"
    names = [pod(each)["priorityClassName"] for each in deployments(manifests)]
    assert names == ["shop-realtime", "of-others"]
    assert "priorityClassName" not in pod(gateway())
