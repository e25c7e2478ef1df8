"""What must hold of any rendering, whatever the values: each check gives what is wrong."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from typing import Any, Final

import kubernetes_validate
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from parts import pod_security
from parts.manifests import Manifest
from parts.values_sets import MADE_BY_OTHERS

OLDEST, NEWEST = "1.29", "1.37"

# Kinds of others, which Kubernetes' own schemas do not have.
CUSTOM: Final = {
    "gateway.networking.k8s.io/v1",
    "gateway.envoyproxy.io/v1alpha1",
    "keda.sh/v1alpha1",
    "monitoring.coreos.com/v1",
}
DNS_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:
    """Who makes it, its spec and its labels."""
    for each in manifests:
        if each["kind"] == "Pod":
            yield name_of(each), each["spec"], each["metadata"]["labels"]
        elif each["kind"] == "Deployment":
            template = each["spec"]["template"]
            yield name_of(each), template["spec"], template["metadata"]["labels"]


def name_of(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def _valid_at(version: str) -> "Check":
    def check(manifests: list[Manifest]) -> Iterator[str]:
        for each in manifests:
            group, _, number = each["apiVersion"].rpartition("/")
            validator = _validator(version, each["kind"].lower(), f"{group.split('.')[0]}-{number}".lstrip("-"))
            if validator is not None:
                yield from (f"{name_of(each)}: {error.message}" for error in validator.iter_errors(each))
            elif each["apiVersion"] not in CUSTOM:
                yield f"{name_of(each)}: Kubernetes {version} has no {each['apiVersion']} {each['kind']}"

    return check


SCHEMAS: Final = resources.files(kubernetes_validate) / "kubernetes-json-schema"


@cache
def _validator(version: str, kind: str, api_version: str) -> Draft202012Validator | None:
    """`kubernetes_validate.validate` with its schemas, which it would read anew, megabytes, for each manifest."""
    schema = SCHEMAS / f"v{version}.0-local-strict" / f"{kind}-{api_version}.json"
    if not schema.is_file():
        return None
    content = json.loads(schema.read_text())
    return Draft202012Validator(
        content, registry=_definitions(version).combine(Resource.from_contents(content) @ Registry())
    )


@cache
def _definitions(version: str) -> Registry:
    text = (SCHEMAS / f"v{version}.0-local-strict" / "_definitions.json").read_text()
    return Resource.from_contents(json.loads(text)) @ Registry()


def restricted(manifests: list[Manifest]) -> Iterator[str]:
    for name, spec, _ in pods(manifests):
        for breach in pod_security.breaches(spec):
            yield f"{name}: {breach}"
        for container in spec["containers"]:
            if container["securityContext"].get("readOnlyRootFilesystem") is not True:
                yield f"{name}: {container['name']} may write to its root"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{name}: has a token for Kubernetes' API"
        if spec.get("enableServiceLinks") is not False:
            yield f"{name}: gets variables of Services"


def selectors(manifests: list[Manifest]) -> Iterator[str]:
    """Who selects, selects somebody; a Deployment its own pods and no other's."""
    labels = {name: labels for name, _, labels in pods(manifests)}
    for each in manifests:
        spec = each.get("spec", {})
        kind = each["kind"]
        if kind == "Deployment":
            wanted = spec["selector"]["matchLabels"]
            found = {name for name, has in labels.items() if wanted.items() <= has.items()}
            if found != {name_of(each)}:
                yield f"{name_of(each)}: selects pods of {sorted(found)}"
        elif kind == "Service":
            named = {
                port["name"]
                for _, pod, has in pods(manifests)
                if spec["selector"].items() <= has.items()
                for container in pod["containers"]
                for port in container.get("ports", [])
            }
            for port in spec["ports"]:
                if port["targetPort"] not in named:
                    yield f"{name_of(each)}: no pod that it selects has the port {port['targetPort']}"
        elif kind in {"PodDisruptionBudget", "PodMonitor", "NetworkPolicy"}:
            wanted = (spec["podSelector"] if kind == "NetworkPolicy" else spec["selector"]).get("matchLabels", {})
            if not any(wanted.items() <= has.items() for has in labels.values()):
                yield f"{name_of(each)}: selects no pod"
        elif kind == "ServiceMonitor":
            wanted = spec["selector"]["matchLabels"]
            services = [other["metadata"]["labels"] for other in manifests if other["kind"] == "Service"]
            if not any(wanted.items() <= has.items() for has in services):
                yield f"{name_of(each)}: selects no Service"


def names(manifests: list[Manifest]) -> Iterator[str]:
    counts = Counter((name_of(each), each["metadata"].get("namespace")) for each in manifests)
    for (name, _), count in counts.items():
        if count > 1:
            yield f"{name} is there {count} times"
    for each in manifests:
        metadata = each["metadata"]
        if not DNS_LABEL.fullmatch(metadata["name"]):
            yield f"{name_of(each)}: not a DNS label of at most 63"
        # A pod's name has 17 more.
        if each["kind"] == "Deployment" and len(metadata["name"]) > 63:
            yield f"{name_of(each)}: too long"
        for key, value in metadata.get("labels", {}).items():
            if not isinstance(value, str) or not LABEL_VALUE.fullmatch(value):
                yield f"{name_of(each)}: label {key} is {value!r}"
        if each["kind"] != "PriorityClass" and not metadata.get("namespace"):
            yield f"{name_of(each)}: no namespace"
    for name, spec, _ in pods(manifests):
        for container in spec["containers"]:
            for field, key in (("env", "name"), ("ports", "name"), ("volumeMounts", "mountPath")):
                twice = [it for it, n in Counter(each[key] for each in container.get(field, [])).items() if n > 1]
                if twice:
                    yield f"{name}: {container['name']} has {twice} twice in {field}"


def references(manifests: list[Manifest]) -> Iterator[str]:
    """What is named is rendered, too, or made by others as the values say."""
    there = {name_of(each) for each in manifests} | {f"Secret {name}" for name in MADE_BY_OTHERS}
    keys = {name: set(content) for name, content in MADE_BY_OTHERS.items()}
    keys |= {each["metadata"]["name"]: set(each["data"]) for each in manifests if each["kind"] == "Secret"}
    for each in manifests:
        for kind, name, key in _named(each):
            if f"{kind} {name}" not in there:
                yield f"{name_of(each)}: names {kind} {name}, which is not there"
            elif kind == "Secret" and key and key not in keys[name]:
                yield f"{name_of(each)}: names the key {key} of Secret {name}, which is not there"
    for name, spec, _ in pods(manifests):
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        mounted = {m["name"] for container in spec["containers"] for m in container.get("volumeMounts", [])}
        if volumes != mounted:
            yield f"{name}: volumes {sorted(volumes)} and mounts {sorted(mounted)}"


def _named(manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    def walk(node: Any) -> Iterator[tuple[str, str, str]]:
        if isinstance(node, list):
            for each in node:
                yield from walk(each)
        elif isinstance(node, dict):
            for key, value in node.items():
                match key, value:
                    case "secretKeyRef" | "secretRef", {"name": str(name)}:
                        yield "Secret", name, value.get("key", "")
                    case "configMapKeyRef" | "configMapRef", {"name": str(name)}:
                        yield "ConfigMap", name, ""
                    case "secret", {"name": str(name), "items": list(items)}:
                        for item in items:
                            yield "Secret", name, item["key"]
                    case "imagePullSecrets", list(pulls):
                        for pull in pulls:
                            yield "Secret", pull["name"], ""
                    case "secretName", str(name):
                        yield "Secret", name, ""
                    case "serviceAccountName", str(name) if name != "default":
                        yield "ServiceAccount", name, ""
                    case "scaleTargetRef", {"name": str(name)}:
                        yield "Deployment", name, ""
                    case "backend", {"service": {"name": str(name)}}:
                        yield "Service", name, ""
                    case "backendRefs", list(backends):
                        for backend in backends:
                            yield "Service", backend["name"], ""
                    case "targetRefs", list(targets):
                        for target in targets:
                            yield target["kind"], target["name"], ""
                    case _:
                        yield from walk(value)

    yield from walk(manifest)


def images(manifests: list[Manifest]) -> Iterator[str]:
    for name, spec, _ in pods(manifests):
        for container in spec["containers"]:
            image = container["image"]
            if "@sha256:" not in image and (":" not in image.rpartition("/")[2] or image.endswith(":latest")):
                yield f"{name}: {image} may be another one tomorrow"


Check = Callable[[list[Manifest]], Iterator[str]]

CHECKS: Final[dict[str, Check]] = {
    OLDEST: _valid_at(OLDEST),
    NEWEST: _valid_at(NEWEST),
    "restricted": restricted,
    "selectors": selectors,
    "names": names,
    "references": references,
    "images": images,
}
