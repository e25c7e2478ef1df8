"""Redis: whether it answers, how quickly, whether pods hear each other through it, and how far histories reach."""

from realtime_dashboards.looks import (
    A_SECOND,
    BREAKER,
    GREEN,
    ORANGE,
    RED,
    SECONDS,
    SHARE,
    SHORT,
    YELLOW,
    good_below,
)
from realtime_dashboards.page import Page
from realtime_dashboards.pages.ways import GUARANTEES, REDIS_NEEDS, RELIABILITY, SETTINGS
from realtime_dashboards.panels import Query, graph, number, runbook, states
from realtime_dashboards.queries import LATELY, count, most, of, quantile, rate, share

ABOUT = """\
Rooms are shared through Redis. While it is away, sockets stay and intake waits; what was missed is told when it is \
back."""


def redis(docs_url: str) -> Page:
    """Build it."""
    page = Page("realtime-redis", "Realtime / Redis", ABOUT, docs_url)
    _now(page)
    _answers(page)
    _hears(page)
    _keeps(page)
    return page


def _now(page: Page) -> None:
    page.band(
        "Now",
        number(
            "Breaker",
            "Whether pods ask Redis, or leave it alone because it fails; the worst of all pods.",
            Query(most(of("realtime_breaker_state", 'dependency="redis"')), "redis"),
            unit=SHORT,
            meaning=BREAKER,
            links=[runbook("RealtimeBreakerOpen")],
        ),
        number(
            "Heard itself",
            "The pod that has not heard its own heartbeat for the longest time. Such a pod is deaf: it hears none of"
            " its rooms, and says that it is not ready after three.",
            Query(most(of("realtime_broker_heartbeat_age_seconds"))),
            unit=SECONDS,
            levels=good_below(3, 10),
            links=[runbook("RealtimePodDeaf")],
        ),
        number(
            "Round trip",
            "99 of 100 operations of the last five minutes were answered within this.",
            Query(quantile(0.99, "realtime_redis_round_trip_seconds", over=LATELY)),
            unit=SECONDS,
            levels=good_below(0.05, 0.25),
            links=[REDIS_NEEDS],
        ),
        number(
            "Errors, 5 min",
            "Operations of the last five minutes that failed.",
            Query(count("realtime_redis_errors_total")),
            unit=SHORT,
            levels=good_below(0.5, 100),
            decimals=0,
            links=[runbook("RealtimeRedisAway")],
        ),
        number(
            "Reconnects, 5 min",
            "Times that a pod's connection to its rooms was made again. Many: Redis cuts them, as its output buffers"
            " are too small.",
            Query(count("realtime_redis_reconnects_total")),
            unit=SHORT,
            levels=good_below(0.5),
            decimals=0,
            links=[REDIS_NEEDS],
        ),
        number(
            "Histories under 2 min",
            "Of the rooms that are written to, the share whose full history reaches back less than two minutes: who is"
            " away longer, and a phone in a tunnel is, cannot be told all.",
            Query(
                share(
                    rate("realtime_history_reach_seconds_bucket", 'le="120.0"', over=LATELY),
                    rate("realtime_history_messages_count", over=LATELY),
                )
            ),
            unit=SHARE,
            levels=good_below(0.05),
            links=[runbook("RealtimeHistoryShort"), SETTINGS],
            decimals=0,
        ),
    )


def _answers(page: Page) -> None:
    page.band(
        "Does it answer?",
        graph(
            "Round trip, by operation",
            "99 of 100 were answered within this. All slow: Redis or the network; publish alone: large batches.",
            Query(quantile(0.99, "realtime_redis_round_trip_seconds", by="operation"), "{{operation}}"),
            unit=SECONDS,
            levels=[(None, GREEN), (0.25, RED)],
            links=[REDIS_NEEDS],
            hides_zeros=True,
        ),
        graph(
            "Operations",
            "Answered ones, a second.",
            Query(rate("realtime_redis_round_trip_seconds_count", by="operation"), "{{operation}}"),
            unit=A_SECOND,
            links=[REDIS_NEEDS],
            stacked=True,
            hides_zeros=True,
        ),
        graph(
            "Errors, by operation",
            "Operations that failed, a second. What is published is tried again until it succeeds.",
            Query(rate("realtime_redis_errors_total", by="operation"), "{{operation}}"),
            unit=A_SECOND,
            colour=RED,
            links=[runbook("RealtimeRedisAway"), RELIABILITY],
            stacked=True,
            hides_zeros=True,
        ),
        states(
            "Breaker, by pod",
            "Open on all pods: Redis is away. On one alone: that pod's network.",
            Query(most(of("realtime_breaker_state", 'dependency="redis"'), "pod"), "{{pod}}"),
            meaning=BREAKER,
            links=[runbook("RealtimeBreakerOpen")],
        ),
    )


def _hears(page: Page) -> None:
    page.band(
        "Do pods hear each other?",
        graph(
            "Since a pod heard itself",
            "Each pod sends itself a heartbeat through Redis each second.",
            Query(most(of("realtime_broker_heartbeat_age_seconds"), "pod"), "{{pod}}"),
            unit=SECONDS,
            levels=[(None, GREEN), (3, RED)],
            links=[runbook("RealtimePodDeaf")],
        ),
        graph(
            "Reconnects and failed publications",
            "In five minutes: the connection on which a pod hears its rooms was made again; a publication failed, and"
            " was tried again.",
            Query(count("realtime_redis_reconnects_total"), "reconnects", ORANGE),
            Query(count("realtime_publish_failures_total"), "publications that failed", RED),
            unit=SHORT,
            links=[REDIS_NEEDS, RELIABILITY],
        ),
    )


def _keeps(page: Page) -> None:
    page.band(
        "How far back does it remember?",
        graph(
            "Messages in a history",
            "Of the rooms that are written to. history.max_messages_per_room bounds it.",
            Query(quantile(0.99, "realtime_history_messages", over=LATELY), "99 %", ORANGE),
            Query(quantile(0.5, "realtime_history_messages", over=LATELY), "half"),
            unit=SHORT,
            links=[SETTINGS],
        ),
        graph(
            "How far full histories reach",
            "Of full ones, half reach further back than the green line, and 19 of 20 further than the yellow one. Who"
            " was away longer is told that something is missing. No line: none is full.",
            Query(quantile(0.5, "realtime_history_reach_seconds", over=LATELY), "half", GREEN),
            Query(quantile(0.05, "realtime_history_reach_seconds", over=LATELY), "5 %", YELLOW),
            unit=SECONDS,
            links=[runbook("RealtimeHistoryShort"), GUARANTEES],
        ),
    )
