"""The checker is itself checked: what is planted into the clients' real stream is found, named, and nothing else is."""

from dataclasses import replace
from pathlib import Path

import pytest

from chaos.judge import Wrong
from chaos.planted import OVERHEARS, PLAN, VICTIMS, Nothing, TamperedStage, what_is_wrong_with
from chaos.scenario import Progress, run
from parts.apache_kafka import ApacheKafka

pytestmark = pytest.mark.timeout(180)


async def test_each_planted_fault_is_found_and_named_and_nothing_else(broker: ApacheKafka, tmp_path: Path) -> None:
    outcome = await run(Nothing(0), PLAN, broker, tmp_path, Progress(), stage_type=TamperedStage)
    planted = TamperedStage.tamperer.planted
    assert outcome.problems == []
    assert planted.keys() == VICTIMS.keys()
    assert what_is_wrong_with(outcome, planted) == []
    for violation in outcome.verdict.violations:
        assert "tamperer, anew, heard" in str(violation)
    # And it would be told if one had not been found, or something else had been.
    for wrong, event in planted.items():
        rest = [v for v in outcome.verdict.violations if (v.wrong, v.event) != (wrong, event)]
        less = replace(outcome, verdict=replace(outcome.verdict, violations=rest))
        user = OVERHEARS if wrong is Wrong.MISROUTED else VICTIMS[wrong]
        assert what_is_wrong_with(less, planted) == [f"{wrong} {event} at {user} was planted, but not found"]


async def test_where_nothing_is_planted_nothing_is_found(broker: ApacheKafka, tmp_path: Path) -> None:
    outcome = await run(Nothing(0), PLAN, broker, tmp_path, Progress())
    assert outcome.problems == []
    assert outcome.verdict.violations == []
    assert outcome.verdict.unjudged == 0
    assert outcome.verdict.deliveries > 2 * PLAN.events
