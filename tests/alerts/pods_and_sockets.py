"""Stories of connections, and of the pods that hold them."""

from alerts.promtool import Case
from alerts.series import counter, gauge, pods

CONNECTIONS = 'realtime_connections{transport="websocket"}'
LIMIT = "realtime_connection_limit"
DRAINING = "realtime_draining"
SLOW = "realtime_slow_consumers_closed_total"
BAD_SIGNATURE = 'realtime_token_rejections_total{reason="bad_signature"}'
EXPIRED = 'realtime_token_rejections_total{reason="expired"}'
ACCEPTED = 'realtime_connects_total{outcome="accepted"}'
CERTIFICATE = 'realtime_tls_certificate_expiry_timestamp_seconds{pod="a", file="/tls/tls.crt"}'
UP = 'up{job="realtime", instance="10.0.0.1:3009"}'
LAG_COUNT = 'realtime_event_loop_lag_seconds_bucket{le="+Inf"}'
LAG_QUICK = 'realtime_event_loop_lag_seconds_bucket{le="0.25"}'
LAG_SLOW = 'realtime_event_loop_lag_seconds_bucket{le="0.5"}'
RESIDENT = 'process_resident_memory_bytes{job="realtime"}'
MEMORY_LIMIT = 'kube_pod_container_resource_limits{container="realtime", resource="memory"}'

# Seen from the first second of 1970, where promtool's clock begins.
DAY = 86_400

ONE_STALE_PAGE = pods(ACCEPTED, counter((260, 1)), "a") | pods(BAD_SIGNATURE, counter((150, 0), (50, 5), (60, 0)), "a")

CASES = [
    Case(
        "RealtimeConnectionsDropped",
        "two of three pods lose all at once, and their clients come back after five minutes",
        pods(CONNECTIONS, gauge((100, 1000)), "a") | pods(CONNECTIONS, gauge((31, 1000), (30, 0), (60, 1000)), "bc"),
        not_yet=["300s", "350s"],
        now="400s",
        gone="640s",
    ),
    Case(
        "RealtimeConnectionsDropped",
        "a pod ends without a word, its series with it",
        pods(CONNECTIONS, gauge((130, 400)), "a") | pods(CONNECTIONS, "400x30 stale _x90", "b"),
        not_yet=["300s"],
        now="400s",
        gone="950s",
    ),
    Case(
        "RealtimeConnectionsDropped",
        "a rolling restart: pods leave one after the other, and their clients go to the others",
        pods(CONNECTIONS, "1000x20 900 700 500 300 100 stale _x9 50 200x40", "a")
        | pods(CONNECTIONS, "1000x20 1040 1130 1220 1300 1400 1500x9 1400 1300x40", "b")
        | pods(CONNECTIONS, "1000x20 1040 1130 1220 1300 1400 1500x9 1400 1300x40", "c")
        | pods(DRAINING, "0x20 1x4 stale", "a"),
        not_yet=["200s", "240s", "260s", "300s", "400s", "600s"],
    ),
    Case(
        "RealtimeConnectionsDropped",
        "of thirty clients twenty go home",
        pods(CONNECTIONS, gauge((30, 30), (60, 10)), "a"),
        not_yet=["300s", "400s", "800s"],
    ),
    Case(
        "RealtimeSlowConsumers",
        "for ten minutes clients on one pod do not keep up",
        pods(SLOW, counter((60, 0), (60, 1), (120, 0)), "a")
        | pods(SLOW, counter((240, 0)), "b")
        | pods(CONNECTIONS, gauge((241, 1000)), "ab"),
        severity="ticket",
        not_yet=["600s", "1000s"],
        now="1200s",
        gone="1900s",
    ),
    Case(
        "RealtimeSlowConsumers",
        "fifty of a hundred thousand",
        pods(SLOW, counter((60, 0), (50, 1), (60, 0)), "a") | pods(CONNECTIONS, gauge((171, 100_000)), "a"),
        severity="ticket",
        not_yet=["600s", "1100s", "1600s"],
    ),
    Case(
        "RealtimeNearCapacity",
        "of three pods one leaves, and the others have too little room for ten minutes",
        pods(CONNECTIONS, gauge((10, 30_000), (60, 44_000), (60, 30_000)), "ab")
        | pods(CONNECTIONS, gauge((10, 28_000), (60, 0), (60, 28_000)), "c")
        | pods(LIMIT, gauge((130, 50_000)))
        | pods(DRAINING, gauge((130, 0)), "ab")
        | pods(DRAINING, gauge((10, 0), (60, 1), (60, 0)), "c"),
        not_yet=["90s", "350s"],
        now="420s",
        gone="720s",
    ),
    Case(
        "RealtimeNearCapacity",
        "three quarters are there",
        pods(CONNECTIONS, gauge((90, 37_500))) | pods(LIMIT, gauge((90, 50_000))) | pods(DRAINING, gauge((90, 0))),
        not_yet=["60s", "600s", "890s"],
    ),
    Case(
        "RealtimePodNearCapacity",
        "a balancer gives all to one pod",
        pods(CONNECTIONS, gauge((10, 20_000), (50, 46_000), (40, 20_000)), "a")
        | pods(CONNECTIONS, gauge((100, 5_000)), "b")
        | pods(LIMIT, gauge((100, 50_000)), "ab"),
        severity="ticket",
        not_yet=["90s", "350s"],
        now="420s",
        gone="620s",
        labels={"pod": "a"},
    ),
    Case(
        "RealtimeTokensRejected",
        "the key was changed for forty minutes",
        pods(ACCEPTED, counter((150, 120), (40, 12), (90, 120)), "a")
        | pods(BAD_SIGNATURE, counter((150, 0), (40, 180), (90, 0)), "a")
        | pods(EXPIRED, counter((280, 30)), "a"),
        interval="1m",
        not_yet=["100m", "151m"],
        now="160m",
        gone="200m",
    ),
    Case(
        "RealtimeTokensRejected",
        "a page with an old token tries each ten seconds, all night, while one in fifty seconds is let in",
        ONE_STALE_PAGE,
        severity="ticket",
        interval="50s",
        not_yet=["3000s", "7700s"],
        now="8500s",
        gone="11500s",
    ),
    Case(
        "RealtimeTokensRejected",
        "of which nobody is woken",
        ONE_STALE_PAGE,
        interval="50s",
        not_yet=["3000s", "7700s", "8500s", "9500s"],
    ),
    Case(
        "RealtimeTokensRejected",
        "somebody sends twice as many forged tokens as there are good ones, and as many are let in as ever",
        pods(ACCEPTED, counter((240, 120)), "a") | pods(BAD_SIGNATURE, counter((150, 0), (90, 240)), "a"),
        interval="1m",
        not_yet=["100m", "155m", "170m", "240m"],
    ),
    Case(
        "RealtimeTokensRejected",
        "tokens have expired while the clients slept, and somebody tries a forged one",
        pods(ACCEPTED, counter((120, 2)), "a")
        | pods(BAD_SIGNATURE, counter((60, 0), (3, 1), (57, 0)), "a")
        | pods(EXPIRED, counter((120, 50)), "a"),
        not_yet=["300s", "660s", "1200s"],
    ),
    Case(
        "RealtimeTokensRejected",
        "nobody comes but a stranger, now and then",
        pods(ACCEPTED, counter((120, 0)), "a") | pods(BAD_SIGNATURE, counter((12, 0), (8, 1), (100, 0)), "a"),
        not_yet=["180s", "300s", "600s"],
    ),
    Case(
        "RealtimeCertificateExpires",
        "ten days are left, and after an hour it is renewed for ninety",
        {CERTIFICATE: gauge((6, 100 * DAY), (60, 10 * DAY), (60, 90 * DAY))},
        severity="ticket",
        interval="1m",
        not_yet=["5m", "15m"],
        now="20m",
        gone="70m",
        labels={"file": "/tls/tls.crt"},
    ),
    Case(
        "RealtimeCertificateExpires",
        "a day is left, and after an hour it is renewed",
        {CERTIFICATE: gauge((6, 10 * DAY), (60, DAY), (60, 90 * DAY))},
        interval="1m",
        not_yet=["5m", "15m"],
        now="20m",
        gone="70m",
        labels={"file": "/tls/tls.crt"},
    ),
    Case(
        "RealtimeDown",
        "two of three pods do not answer for half an hour",
        pods(UP, gauge((230, 1)), "a") | pods(UP, gauge((10, 1), (180, 0), (40, 1)), "bc"),
        not_yet=["90s", "150s"],
        now="1850s",
        gone="1910s",
    ),
    Case(
        "RealtimeDown",
        "two pods are not enough: three more are started, and need two minutes",
        pods(UP, gauge((60, 1)), "ab") | pods(UP, "_x10 0x12 1x37", "cde"),
        not_yet=["120s", "170s", "200s", "230s", "300s"],
    ),
    Case(
        "RealtimeDown",
        "all are replaced at once, by a release that does not start",
        pods(UP, "1x10 stale") | pods(UP, "_x11 0x30 1x20", "def"),
        not_yet=["100s", "160s"],
        now="200s",
        gone="430s",
    ),
    Case(
        "RealtimeDown",
        "three were replaced by three, of which two no longer answer",
        pods(UP, "1x10 stale") | pods(UP, gauge((60, 1)), "d") | pods(UP, "_x8 1x11 0x30 1x10", "ef"),
        not_yet=["150s", "240s"],
        now="280s",
        gone="510s",
    ),
    Case(
        "RealtimeDown",
        "no pod is found at all",
        pods(UP, "1x10 stale"),
        now="180s",
        not_yet=["100s", "150s"],
        labels={"cluster": "", "namespace": "", "job": "realtime"},
    ),
    Case(
        "RealtimeDown",
        "a rolling restart of three: one at a time does not answer",
        pods(UP, "1x10 0x9 1x40", "a") | pods(UP, "1x20 0x9 1x30", "b") | pods(UP, "1x30 0x9 1x20", "c"),
        not_yet=["120s", "160s", "250s", "350s", "400s"],
    ),
    Case(
        "RealtimePodDown",
        "one of three does not answer for five minutes",
        pods(UP, gauge((60, 1)), "ab") | pods(UP, gauge((10, 1), (30, 0), (40, 1)), "c"),
        severity="ticket",
        not_yet=["90s", "210s"],
        now="230s",
        gone="410s",
        labels={"pod": "c", "job": "realtime", "instance": "10.0.0.1:3009"},
    ),
    Case(
        "RealtimeDrainStuck",
        "it hangs until Kubernetes ends it after 85 s, which is still told minutes later",
        pods("realtime_draining_seconds", "0x5 0+10x8 stale", "a")
        | pods("realtime_draining_seconds", gauge((60, 0)), "b")
        | pods("realtime_drain_limit_seconds", "25x14 stale", "a")
        | pods("realtime_drain_limit_seconds", gauge((60, 25)), "b"),
        severity="ticket",
        not_yet=["60s", "90s"],
        now="300s",
        gone="500s",
        labels={"pod": "a"},
    ),
    Case(
        "RealtimeDrainStuck",
        "it leaves in time",
        pods("realtime_draining_seconds", "0x5 0+10x3 stale", "a") | pods("realtime_drain_limit_seconds", "25x9 stale"),
        severity="ticket",
        not_yet=["60s", "90s", "150s", "300s"],
    ),
    Case(
        "RealtimeDrainStuck",
        "it may take five minutes, and does",
        pods("realtime_draining_seconds", "0x5 0+10x30 stale", "a")
        | pods("realtime_drain_limit_seconds", "300x36 stale", "a"),
        severity="ticket",
        not_yet=["60s", "200s", "360s", "500s"],
    ),
    Case(
        "RealtimeEventLoopLags",
        "for ten minutes every twentieth look is late by more than a quarter of a second",
        pods(LAG_COUNT, counter((200, 100)), "a")
        | pods(LAG_SLOW, counter((200, 100)), "a")
        | pods(LAG_QUICK, counter((30, 100), (60, 95), (110, 100)), "a"),
        severity="ticket",
        not_yet=["300s", "600s"],
        now="840s",
        gone="1300s",
        labels={"pod": "a"},
    ),
    Case(
        "RealtimeEventLoopLags",
        "it stops once, for a second",
        pods(LAG_COUNT, counter((100, 100)), "a")
        | pods(LAG_SLOW, counter((30, 100), (1, 95), (69, 100)), "a")
        | pods(LAG_QUICK, counter((30, 100), (1, 90), (69, 100)), "a"),
        severity="ticket",
        not_yet=["310s", "400s", "700s", "1000s"],
    ),
    Case(
        "RealtimeMemoryShort",
        "it grows to 95 % of its limit, and is restarted",
        pods(RESIDENT, gauge((10, 500e6), (60, 950e6), (40, 300e6)), "a")
        | pods(RESIDENT, gauge((110, 500e6)), "b")
        | pods(MEMORY_LIMIT, gauge((110, 1e9)), "ab"),
        severity="ticket",
        not_yet=["90s", "350s"],
        now="420s",
        gone="720s",
        labels={"pod": "a", "job": "realtime"},
    ),
    Case(
        "RealtimeMemoryShort",
        "its namesake in another cluster may hold more",
        pods(RESIDENT, gauge((10, 500e6), (60, 950e6), (40, 300e6)), "a")
        | pods(MEMORY_LIMIT, gauge((110, 1e9)), "a")
        | pods(MEMORY_LIMIT.replace("{", '{cluster="west", '), gauge((110, 4e9)), "a"),
        severity="ticket",
        not_yet=["90s", "350s"],
        now="420s",
        gone="720s",
        labels={"pod": "a", "job": "realtime"},
    ),
    Case(
        "RealtimeMemoryShort",
        "nobody says what its limit is",
        pods(RESIDENT, gauge((110, 950e9)), "a"),
        severity="ticket",
        not_yet=["420s", "1000s"],
    ),
    Case(
        "RealtimeDescriptorsShort",
        "18,000 of 20,000 are open for ten minutes",
        pods('process_open_fds{job="realtime"}', gauge((10, 10_000), (60, 18_000), (40, 10_000)), "a")
        | pods('process_max_fds{job="realtime"}', gauge((110, 20_000)), "a"),
        severity="ticket",
        not_yet=["90s", "350s"],
        now="420s",
        gone="720s",
        labels={"pod": "a", "job": "realtime"},
    ),
]
