"""Series in promtool's notation."""


def counter(*stretches: tuple[int, float]) -> str:
    """A counter from 0: of each stretch, how many steps, and by how much each goes up."""
    value, written = 0.0, ["0"]
    for steps, up in stretches:
        written.append(f"{value + up:g}+{up:g}x{steps - 1}")
        value += steps * up
    return " ".join(written)


def gauge(*stretches: tuple[int, float]) -> str:
    """A gauge: of each stretch, for how many samples, and at what value it stands."""
    return " ".join(f"{value:g}x{samples - 1}" for samples, value in stretches)


def pods(metric: str, values: str, names: str = "abc") -> dict[str, str]:
    """The same on several pods, each named by a letter."""
    name, _, labels = metric.partition("{")
    return {f'{name}{{pod="{pod}"{", " if labels else ""}{labels or "}"}': values for pod in names}
