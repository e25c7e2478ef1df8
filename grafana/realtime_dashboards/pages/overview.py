"""Overview: are users served, how late, how much room is left, what is failing."""

from realtime_dashboards.looks import (
    ALERT,
    BREAKER,
    GREEN,
    ORANGE,
    RED,
    SECONDS,
    SHARE,
    SHORT,
    good_below,
    good_from,
    neutral,
)
from realtime_dashboards.page import Page
from realtime_dashboards.pages.ways import CAPACITY, DEAD_LETTERS, INTAKE, REDIS, RELIABILITY, SOCKETS
from realtime_dashboards.panels import Query, graph, number, runbook, states
from realtime_dashboards.queries import (
    ADMITTED,
    ADMITTED_PAGE,
    DELIVERED_IN_TIME,
    DELIVERED_PAGE,
    JOB,
    LATELY,
    LATENCY_OBJECTIVE_SECONDS,
    NO_ROOM,
    OUR_FAULT,
    count,
    most,
    of,
    placed,
    quantile,
    rate,
    share,
    total,
)

ABOUT = """\
Four questions, a band each, the answer on the left and its last hour on the right. Blue tells, green is well, yellow \
wants a look today, red wants somebody now. Each panel's corner leads on."""
FIRING = 'alertname=~"Realtime.*", alertstate="firing"'
TALL = 6


def overview(docs_url: str) -> Page:
    """Build it."""
    page = Page("realtime-overview", "Realtime / Overview", ABOUT, docs_url)
    _served(page)
    _late(page)
    _room(page)
    _failing(page)
    return page


def _served(page: Page) -> None:
    # As the alerts have it: deploy/prometheus/rules.yaml.
    refused = (
        f"({rate('realtime_connects_total', OUR_FAULT, over=LATELY)}"
        f" + {rate('realtime_refused_requests_total', NO_ROOM, over=LATELY)})"
    )
    admitted = rate("realtime_connects_total", 'outcome="accepted"', over=LATELY)
    page.band(
        "Are users served?",
        number(
            "Connected",
            "Sessions on all pods now. A step down that no deploy explains is users who were cut off.",
            Query(total(of("realtime_connections"))),
            unit=SHORT,
            levels=neutral(),
            links=[SOCKETS, runbook("RealtimeConnectionsDropped")],
            without="no pod answers",
            height=TALL,
        ),
        number(
            "Handshakes admitted",
            "Of those who came in the last five minutes, the share that we did not turn away by a fault of ours; a"
            " wrong token is its client's. The objective is 99.95 %. With nobody coming it is 100 %.",
            Query(f"1 - {share(refused, f'{refused} + {admitted}')}"),
            unit=SHARE,
            levels=good_from(look_below=ADMITTED, act_below=ADMITTED_PAGE),
            links=[SOCKETS, runbook("RealtimeHandshakeBudgetBurnsFast")],
            decimals=2,
            height=TALL,
        ),
        number(
            "Pods that do not answer",
            "Pods that Prometheus knows of and could not scrape the last time: dead, frozen, or cut off from it.",
            Query(f"count({of('up', _job())}) - sum({of('up', _job())})"),
            unit=SHORT,
            levels=good_below(1, 2),
            links=[CAPACITY, runbook("RealtimePodDown")],
            without="no pod known",
            height=TALL,
        ),
        graph(
            "Connected, by pod",
            "Who holds the sessions. A pod that leaves hands its share to the others within seconds; a gap that the"
            " others do not fill is lost users.",
            Query(total(of("realtime_connections"), "pod"), "{{pod}}"),
            unit=SHORT,
            links=[SOCKETS],
            stacked=True,
            height=TALL,
        ),
    )


def _late(page: Page) -> None:
    in_time = rate("realtime_delivery_latency_seconds_bucket", f'le="{LATENCY_OBJECTIVE_SECONDS}"', over=LATELY)
    delivered = rate("realtime_delivery_latency_seconds_count", over=LATELY)
    page.band(
        "How late?",
        number(
            "Within 500 ms",
            "Of the messages of the last five minutes, the share that was written to sockets within 500 ms of its Kafka"
            " record's timestamp. The objective is 99.9 %. With no messages it is 100 %.",
            Query(f"1 - {share(f'{delivered} - {in_time}', delivered)}"),
            unit=SHARE,
            levels=good_from(look_below=DELIVERED_IN_TIME, act_below=DELIVERED_PAGE),
            links=[INTAKE, runbook("RealtimeDeliveryLatencyBudgetBurnsFast")],
            decimals=2,
            height=TALL,
        ),
        number(
            "Slowest of a hundred",
            "99 of 100 messages of the last five minutes were at their sockets sooner than this.",
            Query(quantile(0.99, "realtime_delivery_latency_seconds", over=LATELY)),
            unit=SECONDS,
            levels=good_below(0.5, 2),
            links=[INTAKE, REDIS],
            without="no messages",
            height=TALL,
        ),
        number(
            "Oldest in Kafka",
            "The age of the oldest record that is not published yet, of all partitions. It grows by a second a second"
            " where intake stands still.",
            Query(most(of("realtime_kafka_consumer_lag_seconds"))),
            unit=SECONDS,
            levels=good_below(5, 30),
            links=[INTAKE, runbook("RealtimeLagGrows")],
            without="no partitions",
            height=TALL,
        ),
        graph(
            "From Kafka to the socket",
            "Half of all messages are sooner than the green line, 99 of 100 sooner than the orange one. The red line"
            " is the objective.",
            Query(quantile(0.99, "realtime_delivery_latency_seconds"), "99 %", ORANGE),
            Query(quantile(0.5, "realtime_delivery_latency_seconds"), "half", GREEN),
            unit=SECONDS,
            levels=[(None, GREEN), (0.5, RED)],
            most=0.6,
            links=[INTAKE, REDIS],
            height=TALL,
        ),
    )


def _room(page: Page) -> None:
    used = f"{total(of('realtime_connections'), 'pod')} / {total(of('realtime_connection_limit'), 'pod')}"
    busy = rate("process_cpu_seconds_total", by="pod")
    page.band(
        "How much room is left?",
        number(
            "Fullest pod",
            "Sessions on the fullest pod, of those that it takes (limits.sessions_per_pod). A full one sends clients"
            " away.",
            Query(most(used)),
            unit=SHARE,
            levels=good_below(0.8, 0.9),
            links=[CAPACITY, runbook("RealtimePodNearCapacity")],
            decimals=1,
            height=TALL,
        ),
        number(
            "Busiest pod",
            "Processor time of the busiest pod. One is all that a pod can use: it is one event loop.",
            Query(most(busy)),
            unit=SHARE,
            levels=good_below(0.7, 0.9),
            links=[CAPACITY],
            height=TALL,
        ),
        number(
            "Event loop late",
            "How late the event loops were, 99 of 100 times at most, in the last five minutes. All on a pod wait so"
            " long.",
            Query(quantile(0.99, "realtime_event_loop_lag_seconds", over=LATELY)),
            unit=SECONDS,
            levels=good_below(0.25, 1),
            links=[CAPACITY, runbook("RealtimeEventLoopLags")],
            height=TALL,
        ),
        graph(
            "Room used",
            "Sessions of the fullest pod, and processor time of the busiest one, each of what it may have.",
            Query(most(busy), "processor, busiest pod", ORANGE),
            Query(most(used), "sessions, fullest pod"),
            unit=SHARE,
            levels=[(None, GREEN), (0.9, RED)],
            most=1,
            links=[CAPACITY],
            height=TALL,
        ),
    )


def _failing(page: Page) -> None:
    pages = f"max by (alertname) ({placed('ALERTS', FIRING, _severity('='))}) * 2"
    tickets = f"max by (alertname) ({placed('ALERTS', FIRING, _severity('!='))})"
    calm = 'label_replace(vector(0), "alertname", "no alert fires", "", "")'
    page.band(
        "What is failing?",
        number(
            "Breakers",
            "Whether pods ask Redis and Kafka, or leave them alone because they fail; the worst of all pods.",
            Query(most(of("realtime_breaker_state"), "dependency"), "{{dependency}}"),
            unit=SHORT,
            meaning=BREAKER,
            links=[RELIABILITY, runbook("RealtimeBreakerOpen")],
            height=TALL,
        ),
        number(
            "Dead letters, 1 h",
            "Records of the last hour that could not become events. They stop nobody, wait in a topic of their own,"
            " and can be replayed.",
            Query(count("realtime_dead_letters_total", over="1h")),
            unit=SHORT,
            levels=good_below(0.5, 50),
            decimals=0,
            links=[RELIABILITY, DEAD_LETTERS, runbook("RealtimeDeadLetters")],
            height=TALL,
        ),
        number(
            "Bugs, 1 h",
            "Errors of the last hour that are bugs of ours; their logs have the traceback.",
            Query(count("realtime_unexpected_errors_total", over="1h")),
            unit=SHORT,
            levels=good_below(0.5),
            decimals=0,
            links=[RELIABILITY, runbook("RealtimeUnexpectedErrors")],
            height=TALL,
        ),
        states(
            "Alerts",
            "Which alerts fire, and since when: yellow is a ticket, red a page. Of Prometheus's rules, so not of single"
            " pods.",
            Query(f"({pages} or {tickets}) or on () {calm}", "{{alertname}}"),
            meaning=ALERT,
            links=[RELIABILITY],
            height=TALL,
        ),
    )


def _job() -> str:
    return f'job="{JOB}"'


def _severity(is_page: str) -> str:
    return f'severity{is_page}"page"'
