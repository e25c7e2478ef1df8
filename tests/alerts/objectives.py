"""Stories of the two objectives: docs/slos.md."""

from alerts.promtool import Case
from alerts.series import counter

DELIVERED = 'realtime_delivery_latency_seconds_count{pod="a"}'
IN_TIME = 'realtime_delivery_latency_seconds_bucket{pod="a", le="0.5"}'
ACCEPTED = 'realtime_connects_total{pod="a", outcome="accepted"}'
NO_REDIS = 'realtime_connects_total{pod="a", outcome="redis_unavailable"}'
NO_TOKEN = 'realtime_connects_total{pod="a", outcome="unauthenticated"}'
FULL = 'realtime_refused_requests_total{pod="a", problem="full"}'
UNKNOWN_SID = 'realtime_refused_requests_total{pod="a", problem="unknown_sid"}'
NO_REFUSAL = counter((1200, 0))

CASES = [
    Case(
        "RealtimeDeliveryLatencyBudgetBurnsFast",
        "an hour is well, then a tenth is late for twenty minutes",
        {DELIVERED: counter((150, 100)), IN_TIME: counter((60, 100), (20, 90), (70, 100))},
        interval="1m",
        not_yet=["59m", "65m"],
        now="75m",
        gone="115m",
    ),
    Case(
        "RealtimeDeliveryLatencyBudgetBurnsFast",
        "0.4 % is late, four times what may be, which is a ticket",
        {DELIVERED: counter((240, 1000)), IN_TIME: counter((240, 996))},
        interval="1m",
        not_yet=["30m", "1h", "2h", "4h"],
    ),
    Case(
        "RealtimeDeliveryLatencyBudgetBurnsFast",
        "it is night, and of one message every five minutes every fourth is late",
        {DELIVERED: counter((20, 1)), IN_TIME: "0 1 2 3 3 4 5 6 6 7 8 9 9 10 11 12 12 13 14 15 15"},
        interval="5m",
        not_yet=["30m", "60m", "100m"],
    ),
    Case(
        "RealtimeDeliveryLatencyBudgetBurnsFast",
        "nothing is told to anybody",
        {DELIVERED: counter((120, 0)), IN_TIME: counter((120, 0))},
        interval="1m",
        not_yet=["10m", "2h"],
    ),
    Case(
        "RealtimeDeliveryLatencyBudgetBurnsSlowly",
        "ten hours are well, then one of two hundred is late for four and a half",
        {DELIVERED: counter((660, 1000)), IN_TIME: counter((300, 1000), (135, 995), (225, 1000))},
        severity="ticket",
        interval="2m",
        not_yet=["10h", "13h"],
        now="14h",
        gone="21h",
    ),
    Case(
        "RealtimeDeliveryLatencyBudgetBurnsSlowly",
        "one of two thousand is late, half of what may be",
        {DELIVERED: counter((300, 2000)), IN_TIME: counter((300, 1999))},
        severity="ticket",
        interval="2m",
        not_yet=["2h", "5h", "10h"],
    ),
    Case(
        "RealtimeHandshakeBudgetBurnsFast",
        "then every tenth is refused for twenty minutes: no Redis, no room",
        {
            ACCEPTED: counter((60, 100), (20, 90), (70, 100)),
            NO_REDIS: counter((60, 0), (20, 5), (70, 0)),
            FULL: counter((60, 0), (20, 5), (70, 0)),
        },
        interval="1m",
        not_yet=["59m", "63m"],
        now="75m",
        gone="115m",
    ),
    Case(
        "RealtimeHandshakeBudgetBurnsFast",
        "half of all tokens are wrong, and clients name sessions that are no more: that is theirs",
        {
            ACCEPTED: counter((120, 100)),
            NO_REDIS: NO_REFUSAL,
            NO_TOKEN: counter((120, 100)),
            FULL: NO_REFUSAL,
            UNKNOWN_SID: counter((120, 50)),
        },
        interval="1m",
        not_yet=["10m", "1h", "2h"],
    ),
    Case(
        "RealtimeHandshakeBudgetBurnsFast",
        "nobody comes",
        {ACCEPTED: NO_REFUSAL, NO_REDIS: NO_REFUSAL, FULL: NO_REFUSAL},
        interval="1m",
        not_yet=["10m", "2h"],
    ),
    Case(
        "RealtimeHandshakeBudgetBurnsSlowly",
        "ten hours are well, then one of four hundred is refused for four and a half",
        {
            ACCEPTED: counter((300, 400), (135, 399), (225, 400)),
            NO_REDIS: counter((300, 0), (135, 1), (225, 0)),
            FULL: counter((660, 0)),
        },
        severity="ticket",
        interval="2m",
        not_yet=["10h", "13h"],
        now="14h",
        gone="21h",
    ),
    Case(
        "RealtimeHandshakeBudgetBurnsSlowly",
        "one of four thousand is refused, half of what may be",
        {ACCEPTED: counter((300, 3999)), NO_REDIS: counter((300, 1)), FULL: NO_REFUSAL},
        severity="ticket",
        interval="2m",
        not_yet=["2h", "5h", "10h"],
    ),
]
