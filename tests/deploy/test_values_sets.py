"""Each set of values under ci/ renders to what Kubernetes takes, the service reads, and no auditor minds."""

import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import helm_python
import pytest

from parts.deploy_report import note
from parts.helm import CHART
from parts.manifest_checks import CHECKS, OLDEST
from parts.manifests import Manifest, container, deployments, environment, one, pod
from parts.values_sets import MADE_BY_OTHERS, SETS, manifests_of, values_of
from realtime.settings import load_settings


@pytest.fixture
def only_what_is_rendered() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def mount(deployment: Manifest, root: Path) -> None:
    """The files of Secrets, where the pod would see them."""
    volumes = {volume["name"]: volume for volume in pod(deployment)["volumes"]}
    for mounted in container(deployment)["volumeMounts"]:
        for source in volumes[mounted["name"]].get("projected", {}).get("sources", []):
            for item in source["secret"]["items"]:
                path = root / mounted["mountPath"].lstrip("/") / item["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(MADE_BY_OTHERS[source["secret"]["name"]][item["key"]])


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", SETS)
def test_what_is_rendered_holds(name: str, check: str) -> None:
    wrong = list(CHECKS[check](manifests_of(name)))
    note(name, check, wrong)
    assert wrong == []


@pytest.mark.parametrize("name", SETS)
def test_the_service_reads_its_settings(name: str, tmp_path: Path, only_what_is_rendered: None) -> None:
    ours = [each for each in deployments(manifests_of(name)) if pod(each)["containers"][0]["name"] == "realtime"]
    for deployment in ours:
        for variable in [variable for variable in os.environ if variable.startswith("REALTIME_")]:
            del os.environ[variable]
        mount(deployment, tmp_path)
        variables = environment(manifests_of(name), deployment, MADE_BY_OTHERS)
        for variable, value in variables.items():
            here = value.replace("/etc/realtime", str(tmp_path / "etc/realtime"))
            os.environ[variable] = here.replace("$(REDIS_PASSWORD)", "password")
        assert load_settings().pod.name == "a-pod"
    note(name, "settings", [])


@pytest.mark.parametrize("name", SETS)
def test_helm_finds_nothing_to_say(name: str) -> None:
    found = helm_python.lint(CHART, values_of(name), strict=True, namespace="shop")
    # A chart needs no icon.
    wrong = [each for each in found["messages"] if "icon is recommended" not in str(each)]
    note(name, "lint", [str(each) for each in wrong])
    assert wrong == []


def spoilt(change: Callable[[list[Manifest]], Any]) -> list[Manifest]:
    manifests = deepcopy(manifests_of("production"))
    change(manifests)
    return manifests


def ours(manifests: list[Manifest]) -> Manifest:
    return one(manifests, "Deployment")


SPOILT: dict[str, tuple[str, Callable[[list[Manifest]], Any], str]] = {
    "unknown field": (OLDEST, lambda all_: ours(all_)["spec"].update(replica=1), "'replica' was unexpected"),
    "no such API": (OLDEST, lambda all_: ours(all_).update(apiVersion="apps/v9"), "has no apps/v9"),
    "root": ("restricted", lambda all_: pod(ours(all_))["securityContext"].update(runAsNonRoot=False), "runAsNonRoot"),
    "root's number": ("restricted", lambda all_: pod(ours(all_))["securityContext"].update(runAsUser=0), "is 0"),
    "unconfined": ("restricted", lambda all_: pod(ours(all_))["securityContext"].pop("seccompProfile"), "seccomp"),
    "escalation": (
        "restricted",
        lambda all_: container(ours(all_))["securityContext"].pop("allowPrivilegeEscalation"),
        "allowPrivilegeEscalation",
    ),
    "capability": (
        "restricted",
        lambda all_: container(ours(all_))["securityContext"]["capabilities"].update(drop=[]),
        "drop lacks ALL",
    ),
    "writable": (
        "restricted",
        lambda all_: container(ours(all_))["securityContext"].update(readOnlyRootFilesystem=False),
        "may write to its root",
    ),
    "host path": (
        "restricted",
        lambda all_: pod(ours(all_))["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
        "is of kind hostPath",
    ),
    "host's network": ("restricted", lambda all_: pod(ours(all_)).update(hostNetwork=True), "hostNetwork"),
    "host's port": ("restricted", lambda all_: container(ours(all_))["ports"][0].update(hostPort=1), "hostPort"),
    "token": ("restricted", lambda all_: pod(ours(all_)).pop("automountServiceAccountToken"), "token"),
    "links": ("restricted", lambda all_: pod(ours(all_)).pop("enableServiceLinks"), "variables of Services"),
    "selector": (
        "selectors",
        lambda all_: ours(all_)["spec"]["selector"]["matchLabels"].update(x="y"),
        "selects pods of []",
    ),
    "port": ("selectors", lambda all_: container(ours(all_))["ports"][0].update(name="web"), "has the port http"),
    "budget": (
        "selectors",
        lambda all_: one(all_, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"].update(x="y"),
        "selects no pod",
    ),
    "twice": ("names", lambda all_: all_.append(ours(all_)), "is there 2 times"),
    "long": ("names", lambda all_: ours(all_)["metadata"].update(name="x" * 64), "at most 63"),
    "label": ("names", lambda all_: ours(all_)["metadata"]["labels"].update(x="a b"), "label x"),
    "no namespace": ("names", lambda all_: ours(all_)["metadata"].pop("namespace"), "no namespace"),
    "variable twice": (
        "names",
        lambda all_: container(ours(all_))["env"].append(container(ours(all_))["env"][0]),
        "twice in env",
    ),
    "no ConfigMap": ("references", lambda all_: all_.remove(one(all_, "ConfigMap", "realtime")), "ConfigMap realtime"),
    "no account": ("references", lambda all_: all_.remove(one(all_, "ServiceAccount")), "ServiceAccount realtime"),
    "no Service": ("references", lambda all_: all_.remove(one(all_, "Service", "realtime")), "Service realtime"),
    "no mount": ("references", lambda all_: container(ours(all_))["volumeMounts"].clear(), "mounts []"),
    "no key": (
        "references",
        lambda all_: next(each for each in container(ours(all_))["env"] if each["name"] == "REALTIME_REDIS__URL")[
            "valueFrom"
        ]["secretKeyRef"].update(key="uri"),
        "names the key uri",
    ),
    "latest": ("images", lambda all_: container(ours(all_)).update(image="realtime:latest"), "another one tomorrow"),
    "no tag": ("images", lambda all_: container(ours(all_)).update(image="a:5000/realtime"), "another one tomorrow"),
}


@pytest.mark.parametrize(("check", "change", "words"), SPOILT.values(), ids=SPOILT.keys())
def test_each_check_finds_what_it_is_for(check: str, change: Callable[[list[Manifest]], Any], words: str) -> None:
    found = list(CHECKS[check](spoilt(change)))
    assert any(words in each for each in found), found
