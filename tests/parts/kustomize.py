"""What kustomize makes of a folder: by kubectl, and by the few rules that overlays of ours need."""

import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from parts.needs import need

Manifests = dict[tuple[str, str], dict[str, Any]]


def by_kubectl(folder: Path) -> Manifests:
    """Raises `RuntimeError` with what it says."""
    done = subprocess.run([need("kubectl"), "kustomize", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return by_name(yaml.safe_load_all(done.stdout))


def by_hand(folder: Path) -> Manifests:
    """Resources, then patches that replace a spec and merge maps, then Secrets of literals; what else there is fails."""
    about = _read(folder / "kustomization.yaml")[0]
    found: Manifests = {}
    for name in about.pop("resources"):
        path = folder / name
        added = by_hand(path) if path.is_dir() else by_name(_read(path))
        assert not found.keys() & added.keys(), f"{name} brings what is there already"
        found |= added
    for patch in about.pop("patches", []):
        for key, changed in by_name(_read(folder / patch.pop("path"))).items():
            found[key] = _merged(found[key], changed)
        assert not patch, patch
    for secret in about.pop("secretGenerator", []):
        assert about.pop("generatorOptions") == {"disableNameSuffixHash": True}
        found["Secret", secret["name"]] = {"kind": "Secret", "metadata": {"name": secret["name"]}}
    assert about.keys() == {"apiVersion", "kind"}, about
    return found


def by_name(manifests: Any) -> Manifests:
    return {(each["kind"], each["metadata"]["name"]): each for each in manifests}


def _read(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]


def _merged(old: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    patch = deepcopy(patch)
    if patch.pop("$patch", None) == "replace":
        return patch
    for key, value in patch.items():
        # Which lists are merged, and by what, depends on the kind: there is none outside of what is replaced.
        assert not isinstance(value, list), key
        if isinstance(value, dict):
            patch[key] = _merged(old.get(key, {}), value)
    return {**old, **patch}
