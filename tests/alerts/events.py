"""Stories of what becomes of records, of clients that return, and of bugs."""

from alerts.promtool import Case
from alerts.series import counter, pods

PUBLISHED = 'realtime_events_total{type="order.updated", outcome="published"}'
DEAD = 'realtime_events_total{type="order.updated", outcome="dead_letter"}'
RECOVERED = 'realtime_recoveries_total{outcome="recovered"}'
TRIMMED = 'realtime_recoveries_total{outcome="history_trimmed"}'
EXPIRED_SESSION = 'realtime_recoveries_total{outcome="unknown_session"}'
REACH = 'realtime_history_reach_seconds_bucket{le="120.0"}'
HISTORIES = "realtime_history_messages_count"
FUTURE = "realtime_future_timestamps_total"
DELIVERED = "realtime_delivery_latency_seconds_count"

CASES = [
    Case(
        "RealtimeDeadLetters",
        "one record is not JSON",
        pods('realtime_dead_letters_total{reason="unreadable_record"}', counter((20, 0), (1, 1), (90, 0)), "a")
        | pods('realtime_dead_letters_total{reason="internal"}', counter((111, 0)), "a"),
        severity="ticket",
        not_yet=["200s"],
        now="620s",
        gone="850s",
        labels={"reason": "unreadable_record"},
    ),
    Case(
        "RealtimeDeadLetters",
        "a release of the shop writes every tenth record wrongly, for ten minutes",
        pods(PUBLISHED, counter((60, 30), (60, 27), (120, 30)), "a")
        | pods(DEAD, counter((60, 0), (60, 3), (120, 0)), "a"),
        not_yet=["600s", "960s"],
        now="1200s",
        gone="1900s",
    ),
    Case(
        "RealtimeDeadLetters",
        "two of ten records of a quiet night are wrong, which is a ticket",
        pods(PUBLISHED, counter((60, 0), (8, 1), (60, 0)), "a") | pods(DEAD, counter((60, 0), (2, 1), (60, 0)), "a"),
        not_yet=["700s", "900s", "1200s"],
    ),
    Case(
        "RealtimeUnexpectedErrors",
        "a command meets a bug, twice",
        pods('realtime_unexpected_errors_total{where="command"}', counter((20, 0), (1, 2), (90, 0)), "a")
        | pods('realtime_unexpected_errors_total{where="rest"}', counter((111, 0)), "a"),
        severity="ticket",
        not_yet=["200s"],
        now="620s",
        gone="850s",
        labels={"where": "command"},
    ),
    Case(
        "RealtimeRecoveriesFail",
        "for ten minutes every fourth who returns finds its history trimmed",
        pods(RECOVERED, counter((60, 4), (60, 3), (160, 4)), "a")
        | pods(TRIMMED, counter((60, 0), (60, 1), (160, 0)), "a"),
        severity="ticket",
        not_yet=["600s", "1200s"],
        now="1300s",
        gone="2200s",
    ),
    Case(
        "RealtimeRecoveriesFail",
        "telephones that were away for hours bring sessions that are no more",
        pods(RECOVERED, counter((120, 4)), "a")
        | pods(TRIMMED, counter((120, 0)), "a")
        | pods(EXPIRED_SESSION, counter((120, 8)), "a"),
        severity="ticket",
        not_yet=["600s", "1200s"],
    ),
    Case(
        "RealtimeHistoryShort",
        "a sale: for an hour a fifth of what is told pushes out what is not two minutes old",
        pods(HISTORIES, counter((300, 10)), "ab") | pods(REACH, counter((60, 0), (60, 2), (180, 0)), "ab"),
        severity="ticket",
        interval="1m",
        not_yet=["60m", "70m"],
        now="110m",
        gone="150m",
    ),
    Case(
        "RealtimeHistoryShort",
        "one of thirty does",
        pods(HISTORIES, counter((120, 30)), "a") | pods(REACH, counter((120, 1)), "a"),
        severity="ticket",
        interval="1m",
        not_yet=["30m", "60m", "2h"],
    ),
    Case(
        "RealtimeClockWrong",
        "a producer's clock is a minute ahead for half an hour",
        pods(DELIVERED, counter((90, 60)), "a") | pods(FUTURE, counter((20, 0), (30, 20), (40, 0)), "a"),
        severity="ticket",
        interval="1m",
        not_yet=["20m", "29m"],
        now="40m",
        gone="65m",
    ),
    Case(
        "RealtimeClockWrong",
        "some messages are a millisecond early",
        pods(DELIVERED, counter((60, 100)), "a") | pods(FUTURE, counter((60, 2)), "a"),
        severity="ticket",
        interval="1m",
        not_yet=["20m", "40m", "1h"],
    ),
]
