"""Stories of Redis and Kafka, and of what is taken in."""

from alerts.promtool import Case
from alerts.series import counter, gauge, pods

HEARTBEAT = "realtime_broker_heartbeat_age_seconds"
COMMIT_AGE = "realtime_kafka_commit_age_seconds"
ASSIGNED = "realtime_kafka_assigned_partitions"
UNASSIGNED = "realtime_kafka_unassigned_seconds"
KAFKA_BREAKER = 'realtime_breaker_state{dependency="kafka"}'
LAG = 'realtime_kafka_consumer_lag_seconds{pod="%s", topic="order.updated", partition="%s"}'

# As they are scraped each ten seconds, while Redis is away for a minute from the 60th second on.
A_MINUTE_WITHOUT = "0.5x5 5+10x5 0.5x60"

CASES = [
    Case(
        "RealtimeRedisAway",
        "Redis is away for a minute, which is told within thirty seconds",
        pods(HEARTBEAT, A_MINUTE_WITHOUT),
        not_yet=["50s", "70s"],
        now="80s",
        gone="130s",
    ),
    Case(
        "RealtimeRedisAway",
        "a blip of five seconds is no page",
        pods(HEARTBEAT, "0.5x5 5.5 0.5x30"),
        not_yet=["60s", "70s", "80s", "90s", "120s"],
    ),
    Case(
        "RealtimeRedisAway",
        "one pod of three is deaf: that is its own matter",
        pods(HEARTBEAT, gauge((40, 0.5)), "ab") | pods(HEARTBEAT, "0.5x5 5+10x30", "c"),
        not_yet=["70s", "90s", "200s"],
    ),
    Case(
        "RealtimePodDeaf",
        "one pod of three is deaf for two minutes",
        pods(HEARTBEAT, gauge((40, 0.5)), "ab") | pods(HEARTBEAT, "0.5x5 5+10x11 0.5x20", "c"),
        not_yet=["50s", "90s"],
        now="100s",
        gone="190s",
        labels={"pod": "c"},
    ),
    Case(
        "RealtimePodDeaf",
        "it misses some heartbeats and hears again",
        pods(HEARTBEAT, "0.5x5 5 15 0.5 9 0.5x20"),
        not_yet=["70s", "80s", "100s", "200s"],
    ),
    Case(
        "RealtimeBreakerOpen",
        "two pods leave Redis alone for two minutes, and ask in between",
        pods('realtime_breaker_state{dependency="redis"}', "0x5 2 1 2 2 1 2 2 1 2 2 1 2 0x20", "ab")
        | pods('realtime_breaker_state{dependency="redis"}', gauge((40, 0)), "c")
        | pods(KAFKA_BREAKER, gauge((40, 0))),
        severity="ticket",
        not_yet=["50s", "110s"],
        now="130s",
        gone="190s",
        labels={"dependency": "redis"},
    ),
    Case(
        "RealtimeBreakerOpen",
        "it opens for half a minute",
        pods('realtime_breaker_state{dependency="redis"}', "0x5 2x2 0x40"),
        severity="ticket",
        not_yet=["60s", "90s", "130s", "300s"],
    ),
    Case(
        "RealtimeKafkaAway",
        "commits hang, then the group, then nobody can connect; sockets alone are on a pod that says nothing of it",
        pods(COMMIT_AGE, "0x5 0+10x4 0x60", "ab")
        | pods(ASSIGNED, "6x10 0x11 6x30", "ab")
        | pods(UNASSIGNED, "0x9 10+10x6 0x40", "ab")
        | pods(KAFKA_BREAKER, "0x15 2x5 0x30", "ab")
        | pods(COMMIT_AGE, gauge((60, 0)), "c")
        | pods(ASSIGNED, gauge((60, 0)), "c")
        | pods(UNASSIGNED, gauge((60, 0)), "c")
        | pods(KAFKA_BREAKER, gauge((60, 0)), "c"),
        not_yet=["50s", "90s"],
        now="140s",
        gone="230s",
    ),
    Case(
        "RealtimeKafkaAway",
        "a rolling restart: the group gives its partitions anew, in seconds",
        pods(COMMIT_AGE, "0x5 3 0x5 2 0x30")
        | pods(ASSIGNED, "4x5 0 6x5 0 4x30")
        | pods(UNASSIGNED, "0x5 4 0x5 9 0x30")
        | pods(KAFKA_BREAKER, gauge((40, 0))),
        not_yet=["60s", "70s", "120s", "130s", "300s"],
    ),
    Case(
        "RealtimeKafkaAway",
        "nobody takes in, for all are sockets alone",
        pods(COMMIT_AGE, gauge((30, 0)))
        | pods(ASSIGNED, gauge((30, 0)))
        | pods(UNASSIGNED, gauge((30, 0)))
        | pods(KAFKA_BREAKER, gauge((30, 0))),
        not_yet=["60s", "300s"],
    ),
    Case(
        "RealtimeNoAssignment",
        "one pod of two waits for its share for four minutes",
        pods(UNASSIGNED, gauge((50, 0)), "a")
        | pods(ASSIGNED, gauge((50, 6)), "a")
        | pods(UNASSIGNED, "0x5 0+10x24 0x20", "b")
        | pods(ASSIGNED, "6x5 0x24 6x20", "b"),
        not_yet=["60s", "180s"],
        now="200s",
        gone="330s",
        labels={"pod": "b"},
    ),
    Case(
        "RealtimeNoAssignment",
        "a spare pod has got its share, which is nothing",
        pods(UNASSIGNED, gauge((50, 0))) | pods(ASSIGNED, gauge((50, 6)), "ab") | pods(ASSIGNED, gauge((50, 0)), "c"),
        not_yet=["60s", "400s"],
    ),
    Case(
        "RealtimeLagGrows",
        "a partition stands still, is taken over by another pod, and goes on",
        {
            LAG % ("a", 0): "0x5 10+10x11 _x60",
            LAG % ("b", 0): "_x17 130+10x18 0x40",
            LAG % ("b", 1): gauge((80, 0)),
        },
        not_yet=["60s", "140s"],
        now="300s",
        gone="400s",
        labels={"topic": "order.updated"},
    ),
    Case(
        "RealtimeLagGrows",
        "ten minutes of records are caught up with",
        {LAG % ("a", 0): "600-20x30 0x40"},
        not_yet=["60s", "180s", "300s", "600s"],
    ),
    Case(
        "RealtimeLagGrows",
        "it is twenty seconds behind all the time, which the objective tells",
        {LAG % ("a", 0): gauge((60, 20))},
        not_yet=["60s", "300s", "590s"],
    ),
    Case(
        "RealtimePartitionHeld",
        "a topic is made anew; somebody deletes its position after five minutes",
        pods("realtime_kafka_held_partitions", gauge((60, 0)), "a")
        | pods("realtime_kafka_held_partitions", gauge((6, 0), (30, 2), (20, 0)), "b"),
        not_yet=["50s", "110s"],
        now="130s",
        gone="370s",
        labels={"pod": "b"},
    ),
    Case(
        "RealtimeConsumerRestarts",
        "a client is made anew three times within half an hour",
        pods(
            'realtime_kafka_consumer_restarts_total{reason="no_fetches"}',
            counter((10, 0), (1, 1), (9, 0), (1, 1), (9, 0), (1, 1), (80, 0)),
            "a",
        )
        | pods('realtime_kafka_consumer_restarts_total{reason="no_fetches"}', counter((110, 0)), "b"),
        severity="ticket",
        interval="1m",
        not_yet=["5m", "25m"],
        now="45m",
        gone="100m",
        labels={"pod": "a", "reason": "no_fetches"},
    ),
    Case(
        "RealtimeConsumerRestarts",
        "each of three pods makes it anew once",
        pods('realtime_kafka_consumer_restarts_total{reason="no_fetches"}', counter((10, 0), (1, 1), (60, 0))),
        severity="ticket",
        interval="1m",
        not_yet=["11m", "30m", "60m"],
    ),
    Case(
        "RealtimeRedisLostData",
        "Redis is behind for two partitions, once",
        pods("realtime_kafka_rewinds_total", counter((20, 0), (1, 2), (80, 0)), "a")
        | pods("realtime_kafka_rewinds_total", counter((101, 0)), "b"),
        severity="ticket",
        not_yet=["200s"],
        now="620s",
        gone="850s",
    ),
]
