"""Intake (Kafka): what comes in, what becomes of it, how far behind it is, and who takes it in."""

from realtime_dashboards.looks import (
    A_SECOND,
    GREEN,
    ORANGE,
    RED,
    SECONDS,
    SHORT,
    YELLOW,
    bad_from,
    good_below,
    neutral,
)
from realtime_dashboards.page import Page
from realtime_dashboards.pages.ways import DEAD_LETTERS, GUARANTEES, PRODUCERS, REDIS, RELIABILITY
from realtime_dashboards.panels import Query, graph, number, runbook
from realtime_dashboards.queries import LATELY, count, most, of, rate, total

ABOUT = """\
What comes in by Kafka: how far behind, whether every partition has a pod, and what becomes of the records. When \
intake stands still nothing is lost: Kafka keeps it."""


def intake(docs_url: str) -> Page:
    """Build it."""
    page = Page("realtime-intake", "Realtime / Intake (Kafka)", ABOUT, docs_url)
    _now(page)
    _behind(page)
    _who(page)
    return page


def _now(page: Page) -> None:
    page.band(
        "Is what comes in told at once?",
        number(
            "Events",
            "Records that became events, a second.",
            Query(rate("realtime_events_total", 'outcome="published"')),
            unit=A_SECOND,
            levels=neutral(),
            links=[PRODUCERS],
        ),
        number(
            "Oldest in Kafka",
            "The age of the oldest record that is not published yet.",
            Query(most(of("realtime_kafka_consumer_lag_seconds"))),
            unit=SECONDS,
            levels=good_below(5, 30),
            links=[runbook("RealtimeLagGrows")],
            without="no partitions",
        ),
        number(
            "Records behind",
            "Records behind the ends of all partitions.",
            Query(total(of("realtime_kafka_consumer_lag_records"))),
            unit=SHORT,
            levels=neutral(),
            links=[runbook("RealtimeLagGrows")],
            without="no partitions",
        ),
        number(
            "Waits for its share",
            "The pod that has waited longest for the group to give it partitions. A rebalance takes seconds; after"
            " kafka.no_assignment_restart_seconds its client is made anew.",
            Query(most(of("realtime_kafka_unassigned_seconds"))),
            unit=SECONDS,
            levels=good_below(20, 60),
            links=[runbook("RealtimeNoAssignment"), runbook("RealtimeKafkaAway")],
        ),
        number(
            "Commit waits",
            "The longest that a pod's commit has waited for the group to take it. Nothing is told twice by that: the"
            " position lives in Redis.",
            Query(most(of("realtime_kafka_commit_age_seconds"))),
            unit=SECONDS,
            levels=good_below(10, 20),
            links=[GUARANTEES],
        ),
        number(
            "Partitions held",
            "Partitions that stand still until an operator decides, because their topic was made anew or cut.",
            Query(total(of("realtime_kafka_held_partitions"))),
            unit=SHORT,
            levels=bad_from(1),
            links=[runbook("RealtimePartitionHeld")],
        ),
    )


def _behind(page: Page) -> None:
    page.band(
        "How far behind?",
        graph(
            "Age of the oldest record, by topic",
            "Of each topic, the partition that is furthest behind. All rise together when Redis or Kafka is away; one"
            " alone has a slow or stuck partition.",
            Query(most(of("realtime_kafka_consumer_lag_seconds"), "topic"), "{{topic}}"),
            unit=SECONDS,
            levels=[(None, GREEN), (30, RED)],
            links=[runbook("RealtimeLagGrows"), REDIS],
        ),
        graph(
            "Records behind, by topic",
            "Records behind the ends of a topic's partitions.",
            Query(total(of("realtime_kafka_consumer_lag_records"), "topic"), "{{topic}}"),
            unit=SHORT,
            links=[runbook("RealtimeLagGrows")],
            stacked=True,
        ),
        graph(
            "What became of records",
            "Published, passed over because they had been published before, or put aside as dead letters.",
            Query(rate("realtime_events_total", 'outcome="published"'), "published", GREEN),
            Query(rate("realtime_events_total", 'outcome="skipped"'), "skipped", YELLOW),
            Query(rate("realtime_events_total", 'outcome="dead_letter"'), "dead letter", RED),
            unit=A_SECOND,
            links=[DEAD_LETTERS, RELIABILITY],
        ),
        graph(
            "Events, by type",
            "Which producers write how much.",
            Query(rate("realtime_events_total", by="type"), "{{type}}"),
            unit=A_SECOND,
            links=[PRODUCERS],
            stacked=True,
            hides_zeros=True,
        ),
    )


def _who(page: Page) -> None:
    page.band(
        "Who takes it in?",
        graph(
            "Partitions, by pod",
            "The group spreads all partitions over the pods; the height of the whole should never change.",
            Query(total(of("realtime_kafka_assigned_partitions"), "pod"), "{{pod}}"),
            unit=SHORT,
            links=[runbook("RealtimeNoAssignment")],
            stacked=True,
        ),
        graph(
            "Partitions that stand still",
            "Paused ones wait for Redis and go on by themselves; held ones wait for an operator.",
            Query(total(of("realtime_kafka_paused_partitions")), "paused", YELLOW),
            Query(total(of("realtime_kafka_held_partitions")), "held", RED),
            unit=SHORT,
            links=[REDIS, runbook("RealtimePartitionHeld")],
        ),
        graph(
            "Unrest, in five minutes",
            "Rebalances come with deploys and scaling. A Kafka client is made anew when it hangs; Kafka is rewound when"
            " Redis has lost data.",
            Query(count("realtime_kafka_rebalances_total", over=LATELY), "rebalances"),
            Query(count("realtime_kafka_consumer_restarts_total", over=LATELY), "Kafka clients made anew", ORANGE),
            Query(count("realtime_kafka_rewinds_total", over=LATELY), "rewinds", RED),
            unit=SHORT,
            links=[runbook("RealtimeConsumerRestarts"), runbook("RealtimeRedisLostData")],
        ),
        graph(
            "Messages published, by source",
            "One event is several messages: one for each room that may see it.",
            Query(rate("realtime_publications_total", by="source"), "{{source}}"),
            unit=A_SECOND,
            links=[REDIS],
            stacked=True,
            hides_zeros=True,
        ),
    )
