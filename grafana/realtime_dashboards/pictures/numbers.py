"""Numbers in their units, as Grafana writes them: three digits that count."""

import math
from collections.abc import Sequence
from typing import Final

_SHORT: Final = ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K"), (1, ""))
_BYTES: Final = ((1024**3, " GiB"), (1024**2, " MiB"), (1024, " KiB"), (1, " B"))
_SECONDS: Final = ((86_400, " days"), (3_600, " hours"), (60, " mins"), (1, " s"), (1e-3, " ms"), (1e-6, " µs"))


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """A number with its unit: (0.0123, "s") -> 12.3 ms."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "∞"
    if unit == "percentunit":
        return f"{_digits(value * 100, decimals)}%"
    if unit == "currencyUSD":
        return f"${_digits(value, decimals)}"
    scales = {"s": _SECONDS, "bytes": _BYTES}.get(unit, _SHORT)
    return _scaled(value, scales, decimals) + (" ops/s" if unit == "ops" else "")


def _scaled(value: float, scales: Sequence[tuple[float, str]], decimals: int | None) -> str:
    plain = next(scale for scale in scales if scale[0] == 1)
    size, name = next((scale for scale in scales if abs(value) >= scale[0]), scales[-1]) if value else plain
    return f"{_digits(value / size, decimals)}{name}"


def _digits(value: float, decimals: int | None) -> str:
    if decimals is None:
        magnitude = math.floor(math.log10(abs(value))) if value else 0
        decimals = max(0, min(2 - magnitude, 4))
        shown = f"{value:.{decimals}f}"
        return shown.rstrip("0").rstrip(".") if "." in shown else shown
    return f"{value:.{decimals}f}"
