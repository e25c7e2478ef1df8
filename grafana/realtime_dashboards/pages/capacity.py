"""Capacity: how full and how busy each pod is, what the autoscaler does, and what a thousand connections cost."""

from realtime_dashboards.looks import (
    BYTES,
    DOLLARS,
    GREEN,
    ORANGE,
    RED,
    SECONDS,
    SHARE,
    SHORT,
    YELLOW,
    good_below,
    neutral,
)
from realtime_dashboards.page import Page
from realtime_dashboards.pages.ways import SETTINGS, SOCKETS
from realtime_dashboards.panels import Query, bars, graph, number, runbook
from realtime_dashboards.queries import LATELY, most, of, placed, quantile, rate, share, total

ABOUT = """\
Whether there is room, where it is used, and what it costs. The autoscaler's panels need kube-state-metrics. The \
prices are fields at the top: write your own."""
# Examples, to be overwritten with what one's own provider takes.
CORE_PRICE = "0.04"
GIB_PRICE = "0.005"
GIB = "1073741824"
HPA = 'horizontalpodautoscaler=~".*realtime.*"'


def capacity(docs_url: str) -> Page:
    """Build it."""
    page = Page("realtime-capacity", "Realtime / Capacity", ABOUT, docs_url)
    page.text("core_price", "$ per core and hour", CORE_PRICE).text("gib_price", "$ per GiB and hour", GIB_PRICE)
    _now(page)
    _pods(page)
    _autoscaler(page)
    _cost(page)
    return page


def _now(page: Page) -> None:
    connected, limit = total(of("realtime_connections")), total(of("realtime_connection_limit"))
    current, maximum = _hpa("status_current_replicas"), _hpa("spec_max_replicas")
    page.band(
        "How much room is left?",
        number(
            "Room for",
            "Sessions that all pods together can still take.",
            Query(f"{limit} - {connected}"),
            unit=SHORT,
            levels=neutral(),
            links=[SETTINGS],
        ),
        number(
            "Used",
            "Sessions of all pods, of those that they take. A pod's death must find room on the others.",
            Query(f"{connected} / {limit}"),
            unit=SHARE,
            levels=good_below(0.7, 0.8),
            decimals=1,
            links=[runbook("RealtimeNearCapacity")],
        ),
        number(
            "Busiest pod",
            "Processor time of the busiest pod. One is all that a pod can use: it is one event loop.",
            Query(most(_processor("pod"))),
            unit=SHARE,
            levels=good_below(0.7, 0.9),
            links=[runbook("RealtimeEventLoopLags"), SETTINGS],
        ),
        number(
            "Memory of a session",
            "Resident memory beyond what a pod had when it began to serve, per session; the most of all pods. It means"
            " little below some hundred sessions.",
            Query(most(of("realtime_connection_memory_bytes"))),
            unit=BYTES,
            levels=neutral(),
            links=[SOCKETS],
        ),
        number(
            "Replicas of the most",
            "Pods that the autoscaler runs, of those that it may run. At 100 % it cannot help any more.",
            Query(f"{current} / {maximum}"),
            unit=SHARE,
            levels=good_below(0.8, 1),
            links=[runbook("RealtimeNearCapacity")],
            without="no autoscaler",
        ),
        number(
            "Restarts, 1 h",
            "Containers that Kubernetes has started again in the last hour: killed for memory, or crashed.",
            Query(f"sum(increase({placed('kube_pod_container_status_restarts_total', _container())}[1h]))"),
            unit=SHORT,
            levels=good_below(0.5, 3),
            decimals=0,
            links=[runbook("RealtimePodDown")],
            without="no Kubernetes",
        ),
    )


def _pods(page: Page) -> None:
    page.band(
        "Each pod",
        bars(
            "Sessions, of those that a pod takes",
            "Full pods send clients away. One far fuller than the others: the load balancer does not spread.",
            Query(
                f"{total(of('realtime_connections'), 'pod')} / {total(of('realtime_connection_limit'), 'pod')}",
                "{{pod}}",
            ),
            unit=SHARE,
            levels=good_below(0.8, 0.9),
            most=1,
            links=[runbook("RealtimePodNearCapacity"), SOCKETS],
        ),
        graph(
            "Processor",
            "Of one core, which is all that a pod can use.",
            Query(_processor("pod"), "{{pod}}"),
            unit=SHARE,
            levels=[(None, GREEN), (0.9, RED)],
            most=1,
            links=[SETTINGS],
        ),
        graph(
            "Memory",
            "Resident memory of each pod. It steps with sessions; a steady slope without them is a leak.",
            Query(total(of("process_resident_memory_bytes"), "pod"), "{{pod}}"),
            unit=BYTES,
            links=[runbook("RealtimeMemoryShort"), SOCKETS],
        ),
        graph(
            "Event loop late, and the garbage collector",
            "99 of 100 times the loop was late by no more than this; the collector stopped a pod no longer than that.",
            Query(quantile(0.99, "realtime_event_loop_lag_seconds", by="pod"), "{{pod}}"),
            Query(_collector_pause(), "garbage collector, any pod", YELLOW),
            unit=SECONDS,
            levels=[(None, GREEN), (0.25, RED)],
            links=[runbook("RealtimeEventLoopLags")],
        ),
        graph(
            "Files and sockets, of those allowed",
            "Open file descriptors of each pod, of its ulimit. At 1 nobody more comes in.",
            Query(
                f"{total(of('process_open_fds'), 'pod')} / {total(of('process_max_fds'), 'pod')}",
                "{{pod}}",
            ),
            unit=SHARE,
            levels=[(None, GREEN), (0.85, RED)],
            most=1,
            links=[runbook("RealtimeDescriptorsShort")],
        ),
        graph(
            "Pods, by version",
            "What runs. Two versions at once: a deploy is under way, or has stopped half way.",
            Query(f"count by (version) ({of('realtime_build_info')})", "{{version}}"),
            unit=SHORT,
            links=[SETTINGS],
            stacked=True,
        ),
    )


def _autoscaler(page: Page) -> None:
    page.band(
        "The autoscaler (kube-state-metrics)",
        graph(
            "Replicas",
            "What runs, what the autoscaler wants, and how far it may go.",
            Query(_hpa("spec_max_replicas"), "most", RED),
            Query(_hpa("status_desired_replicas"), "wanted", YELLOW),
            Query(_hpa("status_current_replicas"), "run", GREEN),
            Query(_hpa("spec_min_replicas"), "fewest"),
            unit=SHORT,
            links=[runbook("RealtimeNearCapacity")],
        ),
        graph(
            "What it looks at, of its target",
            "By metric. Above 1 it adds pods, below it takes some away.",
            Query(
                f"max by (metric_name) ({placed('kube_horizontalpodautoscaler_status_target_metric', HPA)})"
                f" / max by (metric_name) ({placed('kube_horizontalpodautoscaler_spec_target_metric', HPA)})",
                "{{metric_name}}",
            ),
            unit=SHARE,
            levels=[(None, GREEN), (1, ORANGE)],
            most=1.2,
            links=[SETTINGS],
        ),
    )


def _cost(page: Page) -> None:
    thousands = f"clamp_min({total(of('realtime_connections'))} / 1000, 1e-9)"
    cores, memory = _processor(), total(of("process_resident_memory_bytes"))
    is_anyone = f"and {total(of('realtime_connections'))} > 0"
    page.band(
        "What a thousand connections cost",
        number(
            "An hour",
            "Processor and memory that pods use, at the prices at the top, for a thousand sessions. It falls as pods"
            " fill up, since an empty pod costs, too.",
            Query(f"({cores} * $core_price + {memory} / {GIB} * $gib_price) / {thousands} {is_anyone}"),
            unit=DOLLARS,
            levels=neutral(),
            links=[SETTINGS],
            without="nobody is connected",
            height=8,
        ),
        number(
            "Messages for a core's second",
            "Messages written to sockets for each second of processor time that pods use, for whatever they use it.",
            Query(share(rate("realtime_deliveries_total", over=LATELY), _processor(over=LATELY))),
            unit=SHORT,
            levels=neutral(),
            links=[SOCKETS],
            height=8,
        ),
        graph(
            "Cores",
            "Processor time for a thousand sessions.",
            Query(f"{cores} / {thousands} {is_anyone}", "cores"),
            unit=SHORT,
            links=[SETTINGS],
            width=8,
        ),
        graph(
            "Memory",
            "Resident memory for a thousand sessions, with what a pod takes when it is empty.",
            Query(f"{memory} / {thousands} {is_anyone}", "memory"),
            unit=BYTES,
            links=[SETTINGS],
            width=8,
        ),
    )


def _processor(by: str = "", over: str = "$__rate_interval") -> str:
    return rate("process_cpu_seconds_total", by=by, over=over)


def _collector_pause() -> str:
    # Minutes pass between two pauses, and a quantile of nothing would look like pods that tell nothing.
    pause = "realtime_gc_pause_seconds"
    return f"{quantile(0.99, pause, over=LATELY)} >= 0 or 0 * {rate(pause + '_count', over=LATELY)}"


def _hpa(what: str) -> str:
    return f"sum({placed(f'kube_horizontalpodautoscaler_{what}', HPA)})"


def _container() -> str:
    return 'container="realtime"'
