"""Whether the machine was left to a run: what else it did makes costs higher, or, by sharing turns, lower."""

from collections.abc import Mapping, Sequence
from typing import Final

from scale.figures import others_share
from scale.outcome import Step, by_pods

OTHERS_SHARE_MAX: Final = 0.10


def is_busy(machine: Mapping[str, str], cores: int) -> bool:
    """Whether more wants to run at the start than there are cores for."""
    return float(machine["load at the start"]) > cores


def disturbances(machine: Mapping[str, str], cores: int, steps: Sequence[Step]) -> list[str]:
    """What else the machine did, each as a clause; none, and the figures are this run's own."""
    said = []
    if is_busy(machine, cores):
        said.append(f"at the start the load was {machine['load at the start']} on {cores} cores")
    shares = {
        pods: max(others_share(list(step.phases.values()), cores) for step in repetitions)
        for pods, repetitions in by_pods(steps).items()
    }
    busy = {pods: share for pods, share in shares.items() if share > OTHERS_SHARE_MAX}
    if busy:
        of_each = ", ".join(
            f"{share:.0%} of the machine at {pods} pod{'s' * (pods > 1)}" for pods, share in busy.items()
        )
        said.append(f"what is no part of the run took up to {of_each}")
    return said
