"""A real Prometheus and a real Alertmanager over the pods of a drill, and the webhook that is told."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from drill.webhook import Notification, Webhook
from parts.alertmanager import Alertmanager
from parts.pod import Pod
from parts.prometheus import Prometheus

# The rules have intervals of their own.
EVALUATION_SECONDS: Final = 2.0


class Monitoring:
    """Starts and ends with the stage; scrapes quicker than production does, so that times are the rules' own."""

    scrape_seconds: Final = 2.0

    def __init__(self, directory: Path, rules: Path, routes: Path) -> None:
        """`routes` is Alertmanager's configuration; its receivers are replaced by the webhook."""
        self._directory = directory
        self._rules = rules
        self._routes = routes
        self._webhook = Webhook()
        self._seen = 0
        self.prometheus: Prometheus

    @asynccontextmanager
    async def running(self, pods: Sequence[Pod]) -> AsyncIterator[None]:
        """Run as long as it is used."""
        await self._webhook.start()
        configuration = self._directory / "alertmanager.yaml"
        configuration.parent.mkdir(parents=True, exist_ok=True)
        configuration.write_text(yaml.safe_dump(told_to(self._webhook.url, yaml.safe_load(self._routes.read_text()))))
        alertmanager = Alertmanager(self._directory / "alertmanager", configuration)
        try:
            await alertmanager.start()
            self.prometheus = Prometheus(
                self._directory / "prometheus",
                pods,
                rule_files=[self._rules],
                scrape_interval_seconds=self.scrape_seconds,
                evaluation_interval_seconds=EVALUATION_SECONDS,
                alertmanagers=[alertmanager.address],
            )
            try:
                await self.prometheus.start()
                yield
            finally:
                await self.prometheus.kill()
        finally:
            await alertmanager.kill()
            await self._webhook.stop()

    async def held(self) -> list[tuple[str, str]]:
        """All alerts that Prometheus holds now: their names, and whether they are pending or firing."""
        return [(alert.name, alert.state) for alert in await self.prometheus.alerts()]

    def new_notifications(self) -> list[Notification]:
        """What the webhook was told since this was last asked."""
        new = self._webhook.received[self._seen :]
        self._seen += len(new)
        return new


def told_to(url: str, configuration: dict[str, Any]) -> dict[str, Any]:
    """The same routes, waits and silences; but whoever would be told, the webhook is told instead."""
    receivers = [
        {"name": receiver["name"], "webhook_configs": [{"url": url, "send_resolved": True}]}
        for receiver in configuration["receivers"]
    ]
    return configuration | {"receivers": receivers}
