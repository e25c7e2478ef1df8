"""Finding one's way in rendered manifests."""

from base64 import b64decode
from typing import Any

Manifest = dict[str, Any]


def one(manifests: list[Manifest], kind: str, name: str | None = None) -> Manifest:
    """The one of its kind, or of its kind and name."""
    found = [each for each in manifests if each["kind"] == kind and name in {None, each["metadata"]["name"]}]
    assert len(found) == 1, f"{len(found)} of {kind} {name or ''}: {[each['metadata']['name'] for each in found]}"
    return found[0]


def deployments(manifests: list[Manifest]) -> list[Manifest]:
    return [each for each in manifests if each["kind"] == "Deployment"]


def pod(deployment: Manifest) -> Manifest:
    """Its pods' spec."""
    spec: Manifest = deployment["spec"]["template"]["spec"]
    return spec


def container(deployment: Manifest) -> Manifest:
    """The one that is ours."""
    return next(each for each in pod(deployment)["containers"] if each["name"] == "realtime")


def environment(
    manifests: list[Manifest], deployment: Manifest, secrets: dict[str, dict[str, str]] | None = None
) -> dict[str, str]:
    """What a container's process sees, as Kubernetes would make it; `secrets` are those that others made."""
    known = dict(secrets or {})
    for each in manifests:
        if each["kind"] == "Secret":
            known[each["metadata"]["name"]] = {key: b64decode(text).decode() for key, text in each["data"].items()}
    variables: dict[str, str] = {}
    for source in container(deployment)["envFrom"]:
        if "configMapRef" in source:
            variables |= one(manifests, "ConfigMap", source["configMapRef"]["name"])["data"] or {}
    for variable in container(deployment)["env"]:
        if "value" in variable:
            value = variable["value"]
        elif "secretKeyRef" in (origin := variable["valueFrom"]):
            value = known[origin["secretKeyRef"]["name"]][origin["secretKeyRef"]["key"]]
        else:
            assert origin == {"fieldRef": {"fieldPath": "metadata.name"}}
            value = "a-pod"
        variables[variable["name"]] = value
    assert all(isinstance(value, str) for value in variables.values()), variables
    return variables
