"""Pod Security Standards, the profile `restricted`, rule by rule.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ (Baseline and Restricted, for Linux).
"""

from collections.abc import Iterator
from typing import Any, Final

VOLUMES: Final = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
SECCOMP: Final = {"RuntimeDefault", "Localhost"}


def breaches(pod: dict[str, Any]) -> list[str]:
    """What a pod's spec does that `restricted` does not allow."""
    return [*_of_pod(pod), *(line for each in _containers(pod) for line in _of_container(each, pod))]


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for kind in ("containers", "initContainers", "ephemeralContainers") for each in pod.get(kind, [])]


def _of_pod(pod: dict[str, Any]) -> Iterator[str]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield f"{name} is true"
    security = pod.get("securityContext", {})
    for sysctl in security.get("sysctls", []):
        yield f"sysctl {sysctl['name']}"  # some are allowed; none is needed
    if security.get("runAsUser") == 0:
        yield "runAsUser is 0"
    if security.get("seLinuxOptions") or security.get("windowsOptions"):
        yield "seLinuxOptions or windowsOptions"
    for volume in pod.get("volumes", []):
        if kinds := set(volume) - {"name"} - VOLUMES:
            yield f"volume {volume['name']} is of kind {', '.join(kinds)}"


def _of_container(container: dict[str, Any], pod: dict[str, Any]) -> Iterator[str]:
    name = container["name"]
    own = container.get("securityContext", {})
    both = pod.get("securityContext", {}) | own
    if own.get("privileged"):
        yield f"{name}: privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name}: allowPrivilegeEscalation is not false"
    if both.get("runAsNonRoot") is not True:
        yield f"{name}: runAsNonRoot is not true"
    if own.get("runAsUser") == 0:
        yield f"{name}: runAsUser is 0"
    if both.get("seccompProfile", {}).get("type") not in SECCOMP:
        yield f"{name}: seccompProfile.type is none of {', '.join(sorted(SECCOMP))}"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []):
        yield f"{name}: capabilities.drop lacks ALL"
    if more := set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"{name}: capabilities.add has {', '.join(more)}"
    if own.get("procMount", "Default") != "Default":
        yield f"{name}: procMount"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield f"{name}: a hostPort"
    # Since 1.34: who probes must not be sent elsewhere.
    actions = [container.get(f"{kind}Probe", {}) for kind in ("liveness", "readiness", "startup")]
    actions += [each for each in container.get("lifecycle", {}).values() if isinstance(each, dict)]
    for action in actions:
        if action.get("httpGet", {}).get("host") or action.get("tcpSocket", {}).get("host"):
            yield f"{name}: a probe or hook names a host"
