"""What a step's readings come to: costs, waits, and who lost what."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from parts.pod import Pod
from scale import figures
from scale.crowd import Crowd, Listener, judge
from scale.outcome import Copies, Judgement, Memberless, Phase, Step, Work, read, rebalance
from scale.producer import Produced
from scale.quiet import disturbances
from scale.readings import PodCounts, Reading, RedisCounts, Spent
from scale.report import Row, ScaleHeader, complaints, table, write_results
from scale.stage import PodEnded, raise_if_ended

WORK = Work(users=10, events_per_second=5, stock_events_per_second=1, seconds=10)


def reading(seconds: float, cores: Sequence[float], deliveries: int = 0, redis: float = 0.0) -> Reading:
    names = [f"pod-{number}" for number in range(len(cores))]
    return Reading(
        seconds,
        Spent(1.0, 0.1, 0.2, redis * seconds, {name: c * seconds for name, c in zip(names, cores, strict=True)}),
        RedisCounts(round(10 * seconds), round(100 * seconds), round(200 * seconds)),
        {name: PodCounts(0, deliveries, deliveries) for name in names},
    )


def step(pods: int, cores: float, redis: float = 0.02, repetition: int = 0) -> Step:
    one = Step(pods, 8 * pods, 2 * pods, WORK, repetition)
    events = 50 * pods
    one.phases = {
        "idle": Phase(0, 0, None, None, reading(5, [0.01] * pods, redis=0.01)),
        "orders": Phase(events, 2 * events, 5.0, 9.0, reading(10, [cores] * pods, 100, redis)),
        "admins": Phase(events, 2 * events, 5.0, 9.0, reading(5, [cores] * pods, 100, redis)),
        "stock": Phase(5, 50 * pods, 5.0, 9.0, reading(5, [cores] * pods, 50, redis)),
    }
    one.came = one.went = rebalance([], 0.0)
    one.memberless = Memberless(0, PodCounts(3, 0, 0))
    return one


def rows(*steps: Step) -> dict[str, Row]:
    return {one.label: one for one in table(steps, cores=2) if isinstance(one, Row)}


def test_an_event_costs_what_is_spent_above_idling() -> None:
    # 0.1 - 0.01 cores for ten seconds, and 50 events of each pod.
    assert figures.us_an_event(step(1, 0.1), "orders", figures.of_pods) == pytest.approx(0.09 * 10 / 50 * 1e6)
    assert figures.us_an_event(step(4, 0.1), "orders", figures.of_pods) == pytest.approx(0.09 * 10 / 50 * 1e6)
    assert figures.us_a_delivery(step(4, 0.1), "orders") == pytest.approx(0.09 * 10 / 100 * 1e6)
    assert figures.us_an_event(step(2, 0.1), "orders", figures.of_redis) == pytest.approx(0.01 * 10 / 100 * 1e6)


def test_twice_the_pods_with_the_same_cost_each_have_grown_by_nothing() -> None:
    found = rows(step(1, 0.1), step(2, 0.1, redis=0.03))

    assert found["orders: us a delivery"].grew == "1.00 x"
    assert found["idle: commands a second"] == Row("idle: commands a second", ["10", "10"])


def test_repetitions_are_a_median_with_its_spread_and_what_grew_within_it_is_noise() -> None:
    first = [step(1, cores, repetition=n) for n, cores in enumerate((0.1, 0.2, 0.15))]
    second = [step(2, cores, repetition=n) for n, cores in enumerate((0.18, 0.25, 0.3))]

    found = rows(*(one for both in zip(first, second, strict=True) for one in both))["orders: a pod, % of a core"]

    assert found.cells == ["15.0 [10.0..20.0]", "25.0 [18.0..30.0]"]
    assert found.grew == "1.67 x, noise"


def test_what_was_not_heard_has_no_percentile() -> None:
    silent = step(1, 0.1)
    silent.phases["orders"] = replace(silent.phases["orders"], p50_ms=None, p99_ms=None)

    assert rows(silent)["orders: p99, ms"].cells == ["-"]


@pytest.mark.parametrize(
    ("load", "machine_seconds", "said"),
    [
        ("1.9", 3.0, []),
        ("27.0", 3.0, ["at the start the load was 27.0 on 2 cores"]),
        ("1.9", 9.0, ["what is no part of the run took up to 38% of the machine at 1 pod"]),
    ],
)
def test_a_machine_that_is_busy_with_other_things_is_told(load: str, machine_seconds: float, said: list[str]) -> None:
    one = step(1, 0.1)
    for name, phase in one.phases.items():
        spent = replace(phase.reading.spent, machine=phase.reading.seconds / 10 * machine_seconds)
        one.phases[name] = replace(phase, reading=replace(phase.reading, spent=spent))

    assert disturbances({"load at the start": load}, 2, [one]) == said


def test_a_rebalance_lasts_from_the_first_late_event_to_the_last_that_was_heard() -> None:
    waits = [(10.0, 10.01), (11.0, 13.0), (12.9, 13.1), (13.2, 13.21)]

    felt = rebalance(waits, began=9.0)

    assert (felt.events, felt.late) == (4, 1)
    assert felt.over_seconds == pytest.approx(4.0)
    assert felt.pause_seconds == pytest.approx(2.0)
    assert felt.longest_wait_seconds == pytest.approx(2.0)


def test_a_rebalance_that_nobody_felt_takes_no_time() -> None:
    felt = rebalance([(1.0, 1.01)], began=0.0)

    assert (felt.late, felt.over_seconds, felt.pause_seconds) == (0, 0.0, 0.0)


class SomeCrowd(Crowd):
    """Two users, one admin, and no pods."""

    def __init__(self) -> None:
        self.users = [Listener("u-0", "t", 1), Listener("u-1", "t", 1)]
        self.admins = [Listener("a-0", "t", 1)]


def heard(crowd: SomeCrowd, *numbers: int, admin: Sequence[int] = (1, 2, 3)) -> Judgement:
    produced = Produced(sent_at={1: 0.0, 2: 0.0, 3: 0.0}, partition={1: 0, 2: 1, 3: 0}, by_user={0: [1, 3], 1: [2]})
    crowd.users[0].heard["order:updated"] = [(number, 1.0) for number in numbers]
    crowd.users[1].heard["order:updated"] = [(2, 1.0)]
    crowd.admins[0].heard["admin:order:updated"] = [(number, 1.0) for number in admin]
    judgement = Judgement()
    judge(judgement, crowd, ("order:updated", "admin:order:updated"), produced)
    return judgement


@pytest.mark.parametrize(
    ("numbers", "wrong"),
    [
        ((1, 3), Judgement()),
        ((1,), Judgement(lost=1)),
        ((1, 3, 3), Judgement(twice=1)),
        ((3, 1), Judgement(misordered=1)),
        ((1, 3, 1), Judgement(twice=1)),
        ((1, 2, 3), Judgement(misrouted=1)),
    ],
)
def test_each_number_must_come_once_in_order_and_to_its_user(numbers: tuple[int, ...], wrong: Judgement) -> None:
    assert heard(SomeCrowd(), *numbers) == wrong


def test_an_admin_must_hear_of_every_order_in_each_partitions_order() -> None:
    assert heard(SomeCrowd(), 1, 3, admin=(1, 3)).lost == 1
    assert heard(SomeCrowd(), 1, 3, admin=(1, 3, 2)) == Judgement()
    assert heard(SomeCrowd(), 1, 3, admin=(3, 2, 1)) == Judgement(misordered=1)


def test_what_must_not_be_is_told() -> None:
    bad = step(2, 0.1)
    bad.judgement.lost = 3
    bad.memberless = Memberless(1, PodCounts(3, 0, 0))

    assert complaints([step(1, 0.1)]) == []
    assert complaints([bad]) == ["2 pods: 3 lost", "2 pods: the pod without sockets heard 1 rooms"]


def test_the_results_have_table_plots_and_all_that_was_read(tmp_path: Path) -> None:
    first = step(1, 0.1)
    first.phases["burst"] = Phase(250, 500, 5.0, 9.0, reading(5, [0.2], 500, 0.05))
    header = ScaleHeader(
        datetime(2026, 11, 29, tzinfo=UTC), "abc1234", "make scale", 60.0, {"load at the start": "3.0"}, {}, cores=2
    )

    where = write_results(tmp_path, header, [first, step(2, 0.1)], [Copies(1, 14.0), Copies(64, 250.0)])

    page = (where / "results.md").read_text()
    assert "| 10 times the orders: us an event | 3,800 | - |  |" in page
    assert "**Disturbed:** at the start the load was 3.0 on 2 cores." in page
    assert "14 us to 1, 250 us to 64" in page
    assert all((where / plot).exists() for plot in re.findall(r"\((\w+\.png)\)", page))
    told = json.loads((where / "results.json").read_text())
    assert told["steps"][1]["phases"]["orders"]["reading"]["spent"]["pods"]["pod-1"] == 1.0
    assert told["copies"][1] == {"subscribers": 64, "us_a_message": 250.0}
    assert read(where / "results.json").steps == [first, step(2, 0.1)]


class SomePod(Pod):
    """A pod of which it is known only whether it runs."""

    def __init__(self, directory: Path, *, runs: bool) -> None:
        super().__init__("pod-3", directory, {})
        self._runs = runs
        self.log.write_text("first\nlast words\n")

    @property
    def is_running(self) -> bool:
        return self._runs


def test_a_pod_that_has_ended_is_what_went_wrong(tmp_path: Path) -> None:
    raise_if_ended([SomePod(tmp_path, runs=True)], OSError())

    with pytest.raises(PodEnded, match=r"pod-3 has ended by itself.*\nfirst\nlast words"):
        raise_if_ended([SomePod(tmp_path, runs=True), SomePod(tmp_path, runs=False)], OSError())
