"""Reliability: who came back and what they were told, what could not become an event, what is retried, who leaves."""

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
    good_from,
    neutral,
)
from realtime_dashboards.page import Page
from realtime_dashboards.pages.ways import CLIENTS, DEAD_LETTERS, GUARANTEES, REDIS, SETTINGS, SOCKETS
from realtime_dashboards.panels import Query, graph, number, runbook, states
from realtime_dashboards.queries import LATELY, count, most, of, quantile, rate, share, total

ABOUT = """\
What goes wrong and is mended: clients that come back, records that cannot become events, dependencies that are away, \
pods that leave."""
# Whose history we no longer had, as the alert has it; an offset that is none of ours is its client's.
TOO_LATE = 'outcome=~"history_trimmed|history_expired|history_lost|too_many_missed"'


def reliability(docs_url: str) -> Page:
    """Build it."""
    page = Page("realtime-reliability", "Realtime / Reliability", ABOUT, docs_url)
    _now(page)
    _back(page)
    _aside(page)
    _leaving(page)
    return page


def _now(page: Page) -> None:
    too_late = rate("realtime_recoveries_total", TOO_LATE, over=LATELY)
    came_back = rate("realtime_recoveries_total", over=LATELY)
    page.band(
        "Now",
        number(
            "Recovered",
            "Of the clients that came back in the last five minutes, the share for which the histories reached far"
            " enough; the others were told that something is missing. With nobody coming back it is 100 %.",
            Query(f"1 - {share(too_late, came_back)}"),
            unit=SHARE,
            levels=good_from(look_below=0.9, act_below=0.5),
            decimals=0,
            links=[runbook("RealtimeRecoveriesFail"), GUARANTEES],
        ),
        number(
            "Missed, then told",
            "Messages told to clients that had missed them, a second.",
            Query(rate("realtime_missed_messages_total")),
            unit=A_SECOND,
            levels=neutral(),
            links=[GUARANTEES],
        ),
        number(
            "Dead letters, 1 h",
            "Records of the last hour that could not become events.",
            Query(count("realtime_dead_letters_total", over="1h")),
            unit=SHORT,
            levels=good_below(0.5, 50),
            decimals=0,
            links=[DEAD_LETTERS, runbook("RealtimeDeadLetters")],
        ),
        number(
            "Retries, 5 min",
            "Attempts of the last five minutes, at Kafka and Redis, that failed and were made again.",
            Query(count("realtime_retries_total")),
            unit=SHORT,
            levels=good_below(0.5, 500),
            decimals=0,
            links=[runbook("RealtimeBreakerOpen"), REDIS],
        ),
        number(
            "Pods that leave",
            "Pods that drain now. In a rolling deploy one after the other.",
            Query(total(of("realtime_draining"))),
            unit=SHORT,
            levels=neutral(),
            links=[runbook("RealtimeDrainStuck")],
        ),
        number(
            "Bugs, 1 h",
            "Errors of the last hour that are bugs of ours; their logs have the traceback.",
            Query(count("realtime_unexpected_errors_total", over="1h")),
            unit=SHORT,
            levels=good_below(0.5),
            decimals=0,
            links=[runbook("RealtimeUnexpectedErrors")],
        ),
    )


def _back(page: Page) -> None:
    page.band(
        "Who came back",
        graph(
            "Came back",
            "Told all that they had missed, or only told that something is missing.",
            Query(rate("realtime_recoveries_total", 'outcome="recovered"'), "told all", GREEN),
            Query(rate("realtime_recoveries_total", 'outcome!="recovered"', by="outcome"), "{{outcome}}", ORANGE),
            unit=A_SECOND,
            links=[runbook("RealtimeRecoveriesFail"), CLIENTS],
            hides_zeros=True,
        ),
        graph(
            "What waited for users who were away",
            "Messages that a user was told at the first connect after having been away with all devices. The most that"
            " can wait is offline.max_messages.",
            Query(quantile(0.99, "realtime_offline_backlog_messages", over=LATELY), "99 %", ORANGE),
            Query(quantile(0.5, "realtime_offline_backlog_messages", over=LATELY), "half"),
            unit=SHORT,
            links=[SETTINGS, GUARANTEES],
        ),
    )


def _aside(page: Page) -> None:
    page.band(
        "What failed",
        graph(
            "Dead letters, by reason",
            "In five minutes. invalid_event and unreadable_record are producers'; internal is a bug of ours.",
            Query(count("realtime_dead_letters_total", by="reason"), "{{reason}}"),
            unit=SHORT,
            colour=RED,
            links=[DEAD_LETTERS, runbook("RealtimeDeadLetters")],
            stacked=True,
            hides_zeros=True,
        ),
        graph(
            "Retries, by dependency",
            "Attempts that failed and were made again, a second.",
            Query(rate("realtime_retries_total", 'dependency="redis"'), "redis", ORANGE),
            Query(rate("realtime_retries_total", 'dependency="kafka"'), "kafka", YELLOW),
            unit=A_SECOND,
            links=[REDIS],
        ),
        states(
            "Breakers",
            "Whether Redis and Kafka are asked, or left alone because they fail; the worst of all pods.",
            Query(most(of("realtime_breaker_state"), "dependency"), "{{dependency}}"),
            meaning=BREAKER,
            links=[runbook("RealtimeBreakerOpen")],
        ),
        graph(
            "Bugs, by where they were caught",
            "In five minutes. Each is logged with its traceback, and stops nobody but the one it happened to.",
            Query(count("realtime_unexpected_errors_total", by="where"), "{{where}}"),
            unit=SHORT,
            colour=RED,
            links=[runbook("RealtimeUnexpectedErrors")],
            stacked=True,
            hides_zeros=True,
        ),
    )


def _leaving(page: Page) -> None:
    page.band(
        "Who leaves",
        graph(
            "Sessions still to be sent away",
            "Of pods that leave. It falls in steps, a wave each, and ends at 0.",
            Query(total(of("realtime_draining_sessions"), "pod"), "{{pod}}"),
            unit=SHORT,
            links=[runbook("RealtimeDrainStuck"), SOCKETS],
            stacked=True,
        ),
        graph(
            "How long pods have been leaving",
            "A pod is gone after drain.settle_seconds + drain.grace_seconds, which is how long it may take; ten seconds"
            " beyond, a ticket is opened.",
            Query(most(of("realtime_draining_seconds"), "pod"), "{{pod}}"),
            Query(most(of("realtime_drain_limit_seconds")), "may take", RED),
            unit=SECONDS,
            links=[runbook("RealtimeDrainStuck"), SETTINGS],
        ),
    )
