"""Measure all stages, and print a table."""

import sys
import tempfile
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from parts.redis_server import RedisServer, redis_name

from .stages import Cost, pure_costs, redis_costs, trace_costs


async def measure() -> list[Cost]:
    """Measure over a Redis of our own."""
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(Path(directory))
        await server.start()
        try:
            return [*pure_costs(), *await redis_costs(server.url)]
        finally:
            await server.kill()


def main() -> None:
    """Print what each stage costs; publishing includes writing for Redis, which the sum counts once."""
    costs = uvloop.run(measure())
    whole = sum(cost.us for cost in costs if cost.stage != "write for Redis")
    print(f"order.updated, three messages a record; microseconds of CPU a record; {redis_name()}\n")
    print(f"{'stage':18}{'us':>8}{'share':>8}{'Redis us':>10}")
    for cost in costs:
        share = "" if cost.stage == "write for Redis" else f"{cost.us / whole:.0%}"
        redis = "" if cost.redis_us is None else f"{cost.redis_us:.1f}"
        print(f"{cost.stage:18}{cost.us:8.2f}{share:>8}{redis:>10}")
    print(f"{'whole':18}{whole:8.2f}   {1e6 / whole:,.0f} records/s on one core, before sockets\n")
    for cost in trace_costs():
        print(f"{cost.stage:18}{cost.us:8.2f}{cost.us / whole:>8.1%}   beside that")


if __name__ == "__main__":
    main()
