"""What the chart can say only because it looks at the cluster: a rendering without one shows none of it."""

from typing import Any

import pytest

from parts.kubernetes.clients import CHART, Helm, Kubectl, Refused
from parts.waiting import eventually

pytestmark = pytest.mark.timeout(300)

NEEDED = {
    "auth": {"secret": "a secret of the tests, of more than 32 bytes"},
    "settings": {"kafka": {"bootstrapServers": "kafka:9092"}},
    "redis": {"url": "redis://redis:6379/0"},
}
TRY = CHART / "values-try.yaml"
SPLIT = {"gateway": {"replicas": 3}, "intake": {"enabled": True, "replicas": 2}}


def with_settings(**settings: Any) -> dict[str, Any]:
    return NEEDED | {"settings": NEEDED["settings"] | settings}


@pytest.mark.parametrize(
    ("redis", "told"),
    [
        ({"shards": 4}, r"settings\.redis\.shards would change from 1 to 4"),
        ({"keyPrefix": "shop"}, r"settings\.redis\.keyPrefix would change from realtime to shop"),
    ],
    ids=["shards", "keyPrefix"],
)
async def test_an_upgrade_that_would_split_the_pods_is_refused_and_goes_through_as_it_says(
    helm: Helm, kubectl: Kubectl, redis: dict[str, Any], told: str
) -> None:
    await helm.install("realtime", NEEDED | SPLIT)

    async def all_run() -> bool:
        deployments = await kubectl.list("deployments")
        return sum(each.get("status", {}).get("replicas", 0) for each in deployments) == 5

    await eventually(all_run, 30, "both Deployments have their pods")
    changed = with_settings(redis=redis) | SPLIT
    delete = ("delete", "deployment", "realtime", "realtime-intake", "--cascade=foreground")

    with pytest.raises(Refused, match=f"{told} while 5 pods run") as refused:
        await helm.upgrade("realtime", changed)
    assert f"kubectl -n {kubectl.namespace} {' '.join(delete)}" in str(refused.value)

    await kubectl(*delete)
    assert await kubectl.list("pods") == [], "kubectl has waited for them"
    await helm.upgrade("realtime", changed)
    await eventually(all_run, 30, "the upgrade has made them anew")


async def test_the_secret_that_was_made_for_a_try_stays_over_an_upgrade(helm: Helm, kubectl: Kubectl) -> None:
    await helm.install("realtime", {}, [TRY])
    made = (await kubectl.get("secret", "realtime-try"))["data"]

    await helm.upgrade("realtime", {"service": {"labels": {"team": "shop"}}}, [TRY])

    assert made["auth-secret"]
    assert (await kubectl.get("secret", "realtime-try"))["data"] == made


async def test_a_second_release_of_the_same_kafka_group_is_told_of(helm: Helm) -> None:
    warning = "release realtime here has the same Kafka group"
    assert "has the same Kafka group" not in await helm.install("realtime", NEEDED)

    assert warning in await helm.install("another", NEEDED)
    assert warning in await helm.upgrade("another", NEEDED)

    own = with_settings(kafka=NEEDED["settings"]["kafka"] | {"groupId": "another"})
    assert "has the same Kafka group" not in await helm.upgrade("another", own)
