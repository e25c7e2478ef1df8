"""What `kubectl kustomize` makes of deploy/k8s; tests/deploy merge its overlays by themselves as well."""

from collections.abc import Callable
from typing import Final

from parts.kustomize import by_kubectl
from parts.needs import PROGRAMS, find
from realtime_deploy.places import PLAIN

FOLDERS: Final = (*sorted(path.parent for path in PLAIN.rglob("kustomization.yaml")),)


def absent() -> str:
    """Why there is no `kubectl`, or nothing."""
    return "" if find("kubectl") else f"no kubectl: {PROGRAMS['kubectl'].install}"


def build() -> tuple[str, list[str]]:
    """Each folder under deploy/k8s that is one of kustomize's."""
    manifests = 0
    wrong = []
    for folder in FOLDERS:
        try:
            manifests += len(by_kubectl(folder))
        except RuntimeError as error:
            wrong.append(f"{folder.relative_to(PLAIN)}: {error}")
    return f"{len(FOLDERS)} folders, {manifests} manifests", wrong


CHECKS: Final[dict[str, Callable[[], tuple[str, list[str]]]]] = {"kubectl kustomize": build}
