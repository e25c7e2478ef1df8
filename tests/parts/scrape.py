"""What a pod tells Prometheus."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from parts.pod import Pod


async def metrics(pod: Pod) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Scrape a pod: (sample's name, labels) -> value."""
    # No certificates, as in `parts.http`: loading them takes longer than the request.
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        text = (await client.get(f"{pod.url}/metrics")).text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def total(pod: Pod, name: str, **labels: str) -> float:
    """Add up the samples of a metric that have these labels."""
    wanted = set(labels.items())
    return sum(value for (sample, had), value in (await metrics(pod)).items() if sample == name and wanted <= had)
