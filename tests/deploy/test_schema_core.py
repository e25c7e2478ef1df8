"""What the schema refuses of the chart's core, before anything is rendered: wrong types, and names that nobody knows."""

from typing import Any

import pytest

from parts.helm import RenderFailed, render
from parts.helm_values import minimal

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no pods": ({"gateway": {"replicas": 0}}, "at '/gateway/replicas': minimum: got 0, want 1"),
    "text for a number": ({"gateway": {"replicas": "3"}}, "at '/gateway/replicas': got string, want integer"),
    "a number for text": ({"gateway": {"podAnnotations": {"a": 1}}}, "at '/gateway/podAnnotations/a': got number"),
    "a misspelt section": ({"gatway": {}}, "'gatway' not allowed"),
    "a misspelt key": ({"gateway": {"replica": 3}}, "at '/gateway': additional properties 'replica' not allowed"),
    "a misspelt key of intake": ({"intake": {"replica": 3}}, "at '/intake': additional properties 'replica' not"),
    "another word": (
        {"gateway": {"topologySpread": {"zones": "sometimes"}}},
        "at '/gateway/topologySpread/zones': value must be one of 'soft', 'hard', 'none'",
    ),
    "another kind": (
        {"auth": {"existingSecret": {"kind": "token"}}},
        "at '/auth/existingSecret/kind': value must be one of 'secret', 'publicKey'",
    ),
    "a Service of another kind": ({"service": {"type": "External"}}, "at '/service/type': value must be one of"),
    "a variable without a name": ({"gateway": {"extraEnv": [{"value": "x"}]}}, "missing property 'name'"),
    "a unit behind a number": (
        {"gateway": {"terminationGracePeriodSeconds": "85s"}},
        "at '/gateway/terminationGracePeriodSeconds': got string, want",
    ),
    "a port too high": ({"service": {"port": 70000}}, "at '/service/port': maximum: got 70,000, want 65,535"),
    "root": ({"podSecurity": {"runAsUser": 0}}, "at '/podSecurity/runAsUser': minimum: got 0, want 1"),
    "no port of Redis": (
        {"networkPolicy": {"egress": {"redis": {"ports": []}}}},
        "at '/networkPolicy/egress/redis/ports': minItems: got 0, want 1",
    ),
}


@pytest.mark.parametrize(("values", "told"), BAD.values(), ids=BAD.keys())
def test_it_is_refused_by_its_path(values: dict[str, Any], told: str) -> None:
    with pytest.raises(RenderFailed) as raised:
        render(minimal(**values))
    assert told in str(raised.value)
    assert str(raised.value).count("- at ") == 1


def test_what_a_parent_chart_gives_to_all_is_not_refused() -> None:
    assert render(minimal(**{"global": {"imageRegistry": "registry.example"}}))
