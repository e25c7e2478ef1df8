"""What kube-state-metrics would tell, written by hand: there is no Kubernetes here.

Everything else on the dashboards is told by real pods. Names and labels are those of kube-state-metrics 2
(docs/metrics/workload in its repository); the numbers are made up, but for the pods that run.
"""

from collections.abc import Callable
from typing import Self

from aiohttp import web

from parts.ports import free_port
from parts.prometheus import CLUSTER, NAMESPACE, Target

EXPOSITION = """\
# TYPE kube_horizontalpodautoscaler_spec_min_replicas gauge
kube_horizontalpodautoscaler_spec_min_replicas{{{hpa}}} 2
# TYPE kube_horizontalpodautoscaler_spec_max_replicas gauge
kube_horizontalpodautoscaler_spec_max_replicas{{{hpa}}} 6
# TYPE kube_horizontalpodautoscaler_status_desired_replicas gauge
kube_horizontalpodautoscaler_status_desired_replicas{{{hpa}}} 3
# TYPE kube_horizontalpodautoscaler_status_current_replicas gauge
kube_horizontalpodautoscaler_status_current_replicas{{{hpa}}} {running}
# TYPE kube_horizontalpodautoscaler_spec_target_metric gauge
kube_horizontalpodautoscaler_spec_target_metric{{{hpa},metric_name="realtime_connections",metric_target_type="average"}} 20000
kube_horizontalpodautoscaler_spec_target_metric{{{hpa},metric_name="cpu",metric_target_type="utilization"}} 70
# TYPE kube_horizontalpodautoscaler_status_target_metric gauge
kube_horizontalpodautoscaler_status_target_metric{{{hpa},metric_name="realtime_connections",metric_target_type="average"}} 14000
kube_horizontalpodautoscaler_status_target_metric{{{hpa},metric_name="cpu",metric_target_type="utilization"}} 58
# TYPE kube_pod_container_status_restarts_total counter
kube_pod_container_status_restarts_total{{namespace="{namespace}",pod="pod-0",container="realtime"}} 0
kube_pod_container_status_restarts_total{{namespace="{namespace}",pod="pod-1",container="realtime"}} 0
"""


class KubeStateMetrics:
    """An endpoint for Prometheus; use it as `async with`."""

    def __init__(self, running: Callable[[], int]) -> None:
        """`running` tells how many pods run."""
        self._running = running
        self._port = free_port()
        application = web.Application()
        application.router.add_get("/metrics", self._tell)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)

    @property
    def target(self) -> Target:
        """What to scrape. The namespace is in what it tells, as with `honor_labels`."""
        return Target(f"127.0.0.1:{self._port}", {"cluster": CLUSTER}, job="kube-state-metrics")

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _tell(self, _: web.Request) -> web.Response:
        hpa = f'namespace="{NAMESPACE}",horizontalpodautoscaler="realtime"'
        return web.Response(text=EXPOSITION.format(hpa=hpa, namespace=NAMESPACE, running=self._running()))
