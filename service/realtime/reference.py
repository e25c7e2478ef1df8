"""Reference pages, generated from the code: `docs/configuration.md` and `docs/metrics.md`."""

from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from realtime.settings import Settings
from realtime.settings.environment import leaves, variable_name
from realtime.telemetry.metrics import AREAS

HEADER: Final = "<!-- Generated from the code by `make docs`; edit that. -->\n"


def pages() -> dict[str, str]:
    """File name -> content."""
    return {"configuration.md": _configuration(), "metrics.md": _metrics()}


def write_pages(folder: Path) -> None:
    """Write all pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pages().items():
        (folder / name).write_text(content, encoding="utf-8")


def _configuration() -> str:
    lines = [
        HEADER,
        "# Configuration",
        "",
        "All settings are environment variables. Units stand in the names. A variable that begins with `REALTIME_` and",
        "is not listed here, or has a wrong value, stops the pod at start with a line that names it.",
    ]
    section = ""
    for path in leaves(Settings):
        if path[0] != section:
            section = path[0]
            lines += _section_heading(section)
        field = _field(path)
        lines.append(f"| `{variable_name(path)}` | {_default(field, path)} | {field.description} |")
    return "\n".join(lines) + "\n"


def _section_heading(name: str) -> list[str]:
    annotation = Settings.model_fields[name].annotation
    is_section = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    title = name.capitalize() if is_section else "Pod's role"
    about = [" ".join((annotation.__doc__ or "").split()), ""] if is_section and annotation is not None else []
    return ["", f"## {title}", "", *about, "| variable | default | what it is for |", "|---|---|---|"]


def _field(path: tuple[str, ...]) -> FieldInfo:
    model: type[BaseModel] = Settings
    for name in path[:-1]:
        annotation = model.model_fields[name].annotation
        assert isinstance(annotation, type)
        model = annotation
    return model.model_fields[path[-1]]


def _default(field: FieldInfo, path: tuple[str, ...]) -> str:
    if path == ("pod", "name"):
        return "the machine's name"
    default = field.get_default(call_default_factory=False)
    if default is PydanticUndefined or default is None or default == ():
        return "unset"
    if hasattr(default, "get_secret_value"):
        default = default.get_secret_value()
    if isinstance(default, frozenset):
        default = ",".join(sorted(default))
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _metrics() -> str:
    lines = [
        HEADER,
        "# Metrics",
        "",
        "`GET /metrics` on each pod, in the Prometheus text format, or as OpenMetrics where `Accept` asks for that.",
        "The usual `process_*` and `python_*` metrics are there too. A labelled counter begins with zeros for all",
        "values that its labels can have, so that `rate()` sees the first event.",
        "",
        "In OpenMetrics each bucket of `realtime_delivery_latency_seconds` has an exemplar: the `trace_id` of a",
        "message since the last scrape whose trace is kept, where there was one (Prometheus keeps exemplars with",
        "`--enable-feature=exemplar-storage`).",
        "",
        "Histograms are classic ones: prometheus-client cannot make native ones",
        "([client_python 918](https://github.com/prometheus/client_python/issues/918)). A Prometheus that has",
        "`convert_classic_histograms_to_nhcb` may keep them as native ones with these buckets.",
        "",
        "A message whose Kafka timestamp lies in the future has a latency of 0, and is counted in",
        "`realtime_future_timestamps_total`: some clock is wrong, and latencies are not to be trusted.",
    ]
    for area in AREAS:
        lines += ["", f"## {(area.__doc__ or '').rstrip('.')}", "", "| metric | type | labels | what it tells |"]
        lines.append("|---|---|---|---|")
        lines += map(_row, vars(area(CollectorRegistry())).values())
    return "\n".join(lines) + "\n"


def _row(metric: Collector) -> str:
    (family,) = metric.describe() if isinstance(metric, MetricWrapperBase) else metric.collect()
    name = family.name + ("_total" if family.type == "counter" else "")
    labels = ", ".join(f"`{label}`" for label in getattr(metric, "_labelnames", ())) or "-"
    return f"| `{name}` | {family.type} | {labels} | {family.documentation} |"
