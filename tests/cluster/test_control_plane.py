"""The real helm installs the chart into a real API server, which says what it thinks of every object."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from parts.kubernetes.clients import CHART, Helm, Kubectl, Refused
from parts.kubernetes.control_plane import ControlPlane, namespace
from parts.waiting import eventually

pytestmark = pytest.mark.timeout(300)

SETS = sorted((CHART / "ci").glob("*.yaml"))
PLAIN = CHART.parents[1] / "k8s"
NEEDED = {
    "auth": {"secret": "a secret of the tests, of more than 32 bytes"},
    "settings": {"kafka": {"bootstrapServers": "kafka:9092"}},
    "redis": {"url": "redis://redis:6379/0"},
}


@pytest.mark.parametrize("values", SETS, ids=lambda file: file.stem)
async def test_everything_of_a_values_set_is_accepted_runs_restricted_and_is_gone_after(
    helm: Helm, kubectl: Kubectl, values: Path
) -> None:
    await _make_secrets(kubectl, values)
    before = await _all(kubectl)

    rendered = await helm("template", "realtime", str(CHART), f"--values={values}", "--no-hooks")
    await kubectl("apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=rendered)
    await helm.install("realtime", {}, [values])
    for deployment in await kubectl.list("deployments"):
        # The pods themselves are judged one by one, when the controller makes them.
        await _has_all_its_pods(kubectl, deployment["metadata"]["name"])

    await helm("uninstall", "realtime", "--wait")
    await kubectl.gone("pods")
    assert await _all(kubectl) == before


@pytest.mark.parametrize("overlay", ["try", "production"])
async def test_plain_manifests_are_accepted_run_restricted_and_are_gone_after(
    plane: ControlPlane, overlay: str
) -> None:
    """Without Helm, as deploy/k8s/README.md says."""
    kubectl = Kubectl(plane.kubectl.config, "realtime")
    await kubectl.apply(namespace("realtime"))
    try:
        before = await _all(kubectl)
        await kubectl("apply", "--dry-run=server", "--validate=strict", f"--kustomize={PLAIN / 'overlays' / overlay}")
        await kubectl("apply", f"--kustomize={PLAIN / 'overlays' / overlay}")
        for deployment in await kubectl.list("deployments"):
            await _has_all_its_pods(kubectl, deployment["metadata"]["name"])

        await kubectl("delete", f"--kustomize={PLAIN / 'overlays' / overlay}", "--wait")
        await kubectl.gone("pods")
        assert await _all(kubectl) == before
    finally:
        await kubectl("delete", "namespace", "realtime", "--wait", timeout_seconds=200)


async def test_an_upgrade_leads_from_each_values_set_to_the_next_and_a_rollback_to_the_first(
    helm: Helm, kubectl: Kubectl
) -> None:
    assert SETS
    for values in SETS:
        await _make_secrets(kubectl, values)
    await helm.install("realtime", {}, SETS[:1])
    first = await _deployments(kubectl)

    for values in SETS[1:]:
        # As the chart asks for where pods of before and after would not hear each other; of the rest it asks nothing.
        await kubectl("scale", "deployments", "--all", "--replicas=0")
        await kubectl.gone("pods")
        await helm.upgrade("realtime", {}, [values], "--history-max=0")  # else the first is forgotten after ten
    assert await _deployments(kubectl) != first
    await helm("rollback", "realtime", "1")

    assert await _deployments(kubectl) == first


async def test_a_secret_that_is_not_there_fails_the_install_and_is_named(helm: Helm, kubectl: Kubectl) -> None:
    values = {**NEEDED, "auth": {"existingSecret": {"name": "keys-of-ours", "key": "signing"}}}

    with pytest.raises(Refused, match=r"auth\.existingSecret(?s:.*)keys-of-ours"):
        await helm.install("realtime", values)
    assert await kubectl.list("deployments,services,configmaps", "app.kubernetes.io/instance=realtime") == []

    await kubectl("create", "secret", "generic", "keys-of-ours", "--from-literal=another=x")
    with pytest.raises(Refused, match=r"auth\.existingSecret(?s:.*)signing"):
        await helm.install("realtime", values)

    await kubectl.apply(_secret("keys-of-ours", ["signing"]))
    await helm.install("realtime", values)
    await _has_all_its_pods(kubectl, "realtime")


async def test_a_secret_that_another_operator_brings_later_is_not_asked_for(helm: Helm, kubectl: Kubectl) -> None:
    existing = {"existingSecret": {"name": "comes-later", "key": "signing"}}

    await helm.install("realtime", {**NEEDED, "auth": existing, "checkSecrets": False})

    await _has_all_its_pods(kubectl, "realtime")


async def test_the_disruption_budget_counts_the_pods_and_lets_none_go_while_none_is_ready(
    helm: Helm, kubectl: Kubectl
) -> None:
    await helm.install("realtime", NEEDED)

    async def counted() -> bool:
        status = (await kubectl.get("poddisruptionbudget", "realtime")).get("status", {})
        told = [
            status.get(field) for field in ("expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed")
        ]
        return told == [3, 2, 0, 0]

    await eventually(counted, 30, "the budget is of three pods, two of which must be healthy")


async def test_a_change_of_the_settings_replaces_the_pods_and_a_change_of_a_label_of_the_service_does_not(
    helm: Helm, kubectl: Kubectl
) -> None:
    await helm.install("realtime", NEEDED)
    (before,) = (await _deployments(kubectl)).values()

    await helm.upgrade("realtime", {**NEEDED, "service": {"labels": {"team": "shop"}}})
    assert list((await _deployments(kubectl)).values()) == [before]

    changed = {**NEEDED, "settings": {**NEEDED["settings"], "log": {"level": "debug"}}}
    await helm.upgrade("realtime", changed)
    assert list((await _deployments(kubectl)).values()) != [before]


async def _has_all_its_pods(kubectl: Kubectl, deployment: str) -> None:
    async def made() -> bool:
        found = await kubectl.get("deployment", deployment)
        status = found.get("status", {})
        failures = [c["message"] for c in status.get("conditions", []) if c["type"] == "ReplicaFailure"]
        assert not failures, failures
        return bool(status.get("replicas", 0) >= found["spec"]["replicas"])

    await eventually(made, 30, f"all pods of {deployment} were let in")


async def _deployments(kubectl: Kubectl) -> dict[str, Any]:
    """What pods are made of, by Deployment."""
    return {found["metadata"]["name"]: found["spec"]["template"] for found in await kubectl.list("deployments")}


async def _all(kubectl: Kubectl) -> set[str]:
    """The names of all objects in the namespace, but for what was told about them."""
    kinds = (await kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name")).split()
    asked = ",".join(kind for kind in kinds if not kind.startswith("events"))
    return set((await kubectl("get", asked, "--output=name", "--ignore-not-found")).split())


async def _make_secrets(kubectl: Kubectl, values: Path) -> None:
    """Make all Secrets that a values set names, with their keys."""
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    told = _merged(defaults, yaml.safe_load(values.read_text()) or {})
    keys: dict[str, set[str]] = {}
    for secret in _named(told):
        keys.setdefault(secret["name"], set()).update(
            value for name, value in secret.items() if value and (name == "key" or name.endswith("Key"))
        )
    if keys:
        await kubectl.apply(*(_secret(name, found) for name, found in keys.items()))


def _secret(name: str, keys: Any) -> dict[str, Any]:
    data = {key: f"a {key} of the tests, of more than 32 bytes" for key in keys}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def _named(values: Any) -> Iterator[dict[str, Any]]:
    for key, value in values.items() if isinstance(values, dict) else ():
        if key.endswith("Secret") and isinstance(value, dict) and value.get("name"):
            yield value
        yield from _named(value)


def _merged(under: Any, over: Any) -> Any:
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return under | {key: _merged(under.get(key), value) for key, value in over.items()}
