"""How busy a core is, whoever runs on it."""

from pathlib import Path
from typing import Final

from bench.measurements import Metric
from scorecard.lines import OTHER_CORE

# Of a line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; guests are in the first two.
FIELDS: Final = 8
IDLE: Final = (3, 4)


class Busy:
    """The share of a core's time that was used since this was made; the kernel counts in ticks of 10 ms."""

    def __init__(self, core: int) -> None:
        self._core = core
        self._before = self._look()

    def percent(self) -> float:
        """Until now, of all processes, the kernel, and what other guests of the machine took."""
        before, now = self._before, self._look()
        spent = [after - earlier for earlier, after in zip(before, now, strict=True)]
        return 100 * (1 - sum(spent[i] for i in IDLE) / max(1, sum(spent)))

    def _look(self) -> list[int]:
        for line in Path("/proc/stat").read_text().splitlines():
            name, *ticks = line.split()
            if name == f"cpu{self._core}":
                return [int(tick) for tick in ticks[:FIELDS]]
        raise ProcessLookupError(f"there is no core {self._core}")


def beside(row: str) -> Metric:
    """What is told of the core of the load client, Kafka and Redis, while the pod of a row is measured."""
    return Metric(
        f"{row}/beside",
        "\N{HORIZONTAL ELLIPSIS} meanwhile the client, Kafka and Redis",
        OTHER_CORE,
        more_is_better=False,
    )
