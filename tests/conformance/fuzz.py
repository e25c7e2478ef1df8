"""Fuzz the socket core, by hand and for long: `cd tests && python -m conformance.fuzz --inputs 1000000`.

Each target has a model of what must come of an input. What hypothesis finds is made as small as it gets, and printed
with all that it takes to see it again.
"""

import argparse
import os
import random
import resource
import sys
import time
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings

from conformance import fuzz_connections, fuzz_frames, fuzz_packets, fuzz_payloads
from conformance.source import Chance, Consumed, strategy
from conformance.world import World

TARGETS: dict[str, ModuleType] = {
    "frames": fuzz_frames,
    "packets": fuzz_packets,
    "payloads": fuzz_payloads,
    "connections": fuzz_connections,
}
# hypothesis remembers all that it has tried in one run.
BATCH_INPUTS = 5_000
HEALTHY = [
    HealthCheck.too_slow,
    HealthCheck.filter_too_much,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
]


def property_of(target: ModuleType, inputs: int, *phases: Phase) -> Callable[[], None]:
    """Make a test of a target: so many inputs that hypothesis thinks of."""
    budget = settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=phases or (Phase.generate, Phase.shrink),
        suppress_health_check=HEALTHY,
        print_blob=True,
    )

    @budget
    @given(strategy(target.make))
    def holds(example: Any) -> None:
        target.check(example)

    return holds


def by_hypothesis(target: ModuleType, inputs: int, progress: Callable[[int], None], first_seed: int) -> None:
    """Try inputs that hypothesis thinks of, which looks for what is special; slow and thorough."""
    for start in range(0, inputs, BATCH_INPUTS):
        count = min(BATCH_INPUTS, inputs - start)
        seed(first_seed + start)(property_of(target, count))()
        progress(start + count)


def by_chance(target: ModuleType, inputs: int, progress: Callable[[int], None], first_seed: int) -> None:
    """Try random inputs; quick."""
    for number in range(inputs):
        try:
            target.check(target.make(Chance(random.Random(first_seed + number))))
        except BaseException:
            print(f"again: --seed {first_seed + number} --inputs 1")
            raise
        progress(number + 1)


def by_atheris(target: ModuleType, inputs: int, progress: Callable[[int], None], first_seed: int) -> None:
    """Try inputs that reach code of the product which none has reached before. Ends the process, as libFuzzer does."""
    try:
        import atheris  # noqa: PLC0415 - optional
    except ImportError:
        sys.exit("atheris is absent: pip install atheris (wheels are for Linux on x86-64)")
    for name, module in list(sys.modules.items()):
        if name.startswith("realtime.transports"):
            _instrument(module, atheris.instrument_func)
    tried = 0

    def one(data: bytes) -> None:
        nonlocal tried
        target.check(target.make(Consumed(atheris.FuzzedDataProvider(data))))
        tried += 1
        progress(tried)

    atheris.Setup([sys.argv[0], f"-runs={inputs}", f"-seed={first_seed}", "-max_len=1024", "-rss_limit_mb=4096"], one)
    atheris.Fuzz()


def _instrument(module: ModuleType, instrument: Callable[[FunctionType], object]) -> None:
    """Have a module's functions and methods, and no others, tell which of their branches are taken."""
    own = [value for value in vars(module).values() if getattr(value, "__module__", None) == module.__name__]
    for value in own:
        for function in [value, *(vars(value).values() if isinstance(value, type) else ())]:
            if isinstance(function, FunctionType):
                instrument(function)


ENGINES = {"hypothesis": by_hypothesis, "chance": by_chance, "atheris": by_atheris}


class Progress:
    """A line every few seconds, and one at the end."""

    def __init__(self, name: str, inputs: int) -> None:
        self._name = name
        self._inputs = inputs
        self._began = self._said = time.monotonic()
        self.done = 0

    def __call__(self, done: int) -> None:
        self.done = done
        now = time.monotonic()
        if now - self._said > 10:
            self._said = now
            self.say()

    def say(self) -> None:
        seconds = time.monotonic() - self._began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024
        pace = self.done / max(seconds, 0.001)
        print(
            f"{self._name}: {self.done:,} of {self._inputs:,} in {seconds:.0f} s, {pace:,.0f}/s, {memory} MB",
            flush=True,
        )


def main() -> None:
    """Fuzz, and end with 1 at the first input that is not handled as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="how many, over all targets (default: %(default)s)")
    parser.add_argument("--target", choices=TARGETS, action="append", help="one or more (default: all)")
    parser.add_argument(
        "--engine", choices=ENGINES, default="chance", help="who thinks of inputs (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"), help="to see it again")
    options = parser.parse_args()
    structlog.configure(processors=[_no_log])
    targets = options.target or list(TARGETS)
    if options.engine == "atheris" and len(targets) > 1:
        parser.error("atheris ends the process: give one --target")
    print(f"seed {options.seed}, engine {options.engine}", flush=True)
    try:
        for name in targets:
            progress = Progress(name, options.inputs // len(targets))
            ENGINES[options.engine](TARGETS[name], options.inputs // len(targets), progress, options.seed)
            progress.say()
    finally:
        World.end()


def _no_log(*_: Any) -> Any:
    raise structlog.DropEvent


if __name__ == "__main__":
    main()
