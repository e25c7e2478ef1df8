"""How metrics are written for whoever asks: as Prometheus' text, or as OpenMetrics, which has exemplars."""

from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

OPENMETRICS: Final = "application/openmetrics-text"
TEXT: Final = "text/plain"


def write(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Write all metrics; the content and its type. `accept` is the request's header, and may be anything."""
    wanted = _weights(accept)
    if wanted.get(OPENMETRICS, 0.0) > wanted.get(TEXT, 0.0):
        return openmetrics.generate_latest(registry), openmetrics.CONTENT_TYPE_LATEST  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


def _weights(accept: str) -> dict[str, float]:
    """Media type -> the greatest weight that it is asked for with (RFC 9110 section 12.4.2)."""
    weights: dict[str, float] = {}
    for one in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in one.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        weights[media_type] = max(weight, weights.get(media_type, 0.0))
    return weights
