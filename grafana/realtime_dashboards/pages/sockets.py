"""Sockets and rooms: who is connected, how they come and go, what is written to them, and who does not read."""

from realtime_dashboards.looks import (
    A_SECOND,
    BYTES,
    GREEN,
    ORANGE,
    RED,
    SECONDS,
    SHORT,
    YELLOW,
    good_below,
    good_from,
    neutral,
)
from realtime_dashboards.page import Page
from realtime_dashboards.pages.ways import CAPACITY, CLIENTS, INTAKE, RELIABILITY, SETTINGS
from realtime_dashboards.panels import Query, bars, graph, number, runbook
from realtime_dashboards.queries import LATELY, count, of, quantile, rate, total

ABOUT = """\
A connection's way: comes, is let in, joins rooms, hears, leaves. Refusals and slow readers have bands of their own."""


DAY_SECONDS = 86_400


def sockets(docs_url: str) -> Page:
    """Build it."""
    page = Page("realtime-sockets", "Realtime / Sockets and rooms", ABOUT, docs_url)
    _now(page)
    _coming(page)
    _refused(page)
    _written(page)
    _validity(page)
    return page


def _now(page: Page) -> None:
    page.band(
        "Now",
        number(
            "Connected",
            "Sessions on all pods.",
            Query(total(of("realtime_connections"))),
            unit=SHORT,
            levels=neutral(),
            links=[CAPACITY],
            without="no pod answers",
        ),
        number(
            "Rooms",
            "Rooms with members, added up over pods: a room on two pods counts twice.",
            Query(total(of("realtime_rooms"))),
            unit=SHORT,
            levels=neutral(),
            links=[CLIENTS],
        ),
        number(
            "Messages written",
            "Messages written to sockets, a second.",
            Query(rate("realtime_deliveries_total")),
            unit=A_SECOND,
            levels=neutral(),
            links=[INTAKE],
        ),
        number(
            "Handshake",
            "99 of 100 clients of the last five minutes were let in within this.",
            Query(quantile(0.99, "realtime_handshake_seconds", over=LATELY)),
            unit=SECONDS,
            levels=good_below(0.5, 2),
            links=[SETTINGS],
            without="nobody came",
        ),
        number(
            "Wait to come in",
            "New connections that wait for their turn, because more come than limits.handshakes_per_second.",
            Query(total(of("realtime_waiting_connections"))),
            unit=SHORT,
            levels=good_below(1, 500),
            links=[SETTINGS],
        ),
        number(
            "Too slow, 5 min",
            "Connections of the last five minutes that were closed because their client did not read.",
            Query(count("realtime_slow_consumers_closed_total")),
            unit=SHORT,
            levels=good_below(0.5),
            decimals=0,
            links=[runbook("RealtimeSlowConsumers")],
        ),
    )


def _coming(page: Page) -> None:
    page.band(
        "Coming and going",
        graph(
            "Connected, by transport",
            "Stock clients begin by polling and change to websocket within a second; many that stay with polling sit"
            " behind a proxy that lets no websocket through.",
            Query(total(of("realtime_connections"), "transport"), "{{transport}}"),
            unit=SHORT,
            links=[CLIENTS],
            stacked=True,
        ),
        graph(
            "Come and go",
            "Clients let in, and sessions that ended, a second. Both rise when a pod leaves.",
            Query(rate("realtime_connects_total", 'outcome="accepted"'), "let in", GREEN),
            Query(rate("realtime_disconnects_total"), "ended", ORANGE),
            unit=A_SECOND,
            links=[runbook("RealtimeConnectionsDropped"), RELIABILITY],
        ),
        graph(
            "Why sessions end",
            "By reason, a second. transport close is a client or a network that went; ping timeout one that fell"
            " silent.",
            Query(rate("realtime_disconnects_total", by="reason"), "{{reason}}"),
            unit=A_SECOND,
            colour=ORANGE,
            links=[CLIENTS],
            stacked=True,
            hides_zeros=True,
        ),
        graph(
            "How long letting in takes",
            "From a client's CONNECT to connection:success, and its wait for a turn.",
            Query(quantile(0.99, "realtime_handshake_seconds"), "99 %", ORANGE),
            Query(quantile(0.5, "realtime_handshake_seconds"), "half", GREEN),
            unit=SECONDS,
            levels=[(None, GREEN), (0.5, RED)],
            links=[SETTINGS],
        ),
    )


def _refused(page: Page) -> None:
    page.band(
        "Who is not served?",
        graph(
            "Refused at CONNECT",
            "By outcome, a second. unauthenticated, token_expired, limit_exceeded and too_many_for_now are clients';"
            " internal, redis_unavailable and draining are ours.",
            Query(rate("realtime_connects_total", 'outcome!="accepted"', by="outcome"), "{{outcome}}"),
            unit=A_SECOND,
            colour=ORANGE,
            links=[CLIENTS, runbook("RealtimeHandshakeBudgetBurnsFast")],
            stacked=True,
            hides_zeros=True,
        ),
        graph(
            "Requests refused",
            "Of Engine.IO's transport, by problem, a second. unknown_sid after a pod has gone is what clients cure by"
            " connecting anew; without a pod's going, the load balancer is not sticky.",
            Query(rate("realtime_refused_requests_total", by="problem"), "{{problem}}"),
            unit=A_SECOND,
            colour=ORANGE,
            links=[CLIENTS],
            stacked=True,
            hides_zeros=True,
        ),
        graph(
            "Tokens not believed",
            "By reason, a second. bad_signature from all at once: the key was changed and pods have the old one.",
            Query(rate("realtime_token_rejections_total", by="reason"), "{{reason}}"),
            unit=A_SECOND,
            colour=ORANGE,
            links=[SETTINGS, runbook("RealtimeTokensRejected")],
            stacked=True,
            hides_zeros=True,
        ),
        graph(
            "Commands, by outcome",
            "What clients ask for. rate_limited: a client in a loop.",
            Query(rate("realtime_commands_total", by="outcome"), "{{outcome}}"),
            unit=A_SECOND,
            links=[CLIENTS],
            stacked=True,
            hides_zeros=True,
        ),
    )


def _written(page: Page) -> None:
    page.band(
        "What is written, and who does not read",
        graph(
            "Messages written, by pod",
            "To sockets, a second.",
            Query(rate("realtime_deliveries_total", by="pod"), "{{pod}}"),
            unit=A_SECOND,
            links=[CAPACITY],
            stacked=True,
            width=8,
        ),
        graph(
            "Waits to be written, by pod",
            "Bytes that clients have not read yet. Bounded for each client (sockets.waiting_max_bytes).",
            Query(total(of("realtime_socket_waiting_bytes"), "pod"), "{{pod}}"),
            unit=BYTES,
            links=[SETTINGS, runbook("RealtimeSlowConsumers")],
            stacked=True,
            width=8,
        ),
        graph(
            "Slow clients",
            "In five minutes: messages replaced by a later one of the same thing, and connections given up. Also those"
            " closed for breaking the protocol.",
            Query(count("realtime_conflations_total"), "messages replaced", YELLOW),
            Query(count("realtime_slow_consumers_closed_total"), "closed, too slow", RED),
            Query(count("realtime_protocol_violations_total"), "closed, broke the protocol", ORANGE),
            unit=SHORT,
            links=[CLIENTS, runbook("RealtimeSlowConsumers")],
            width=8,
        ),
    )


def _validity(page: Page) -> None:
    page.band(
        "Clocks and certificates",
        graph(
            "Clocks",
            "Room's messages, a second, whose Kafka timestamp lay in the future of the pod that delivered them: a clock"
            " is wrong, and latencies look better than they are.",
            Query(rate("realtime_future_timestamps_total", by="pod"), "{{pod}}"),
            unit=A_SECOND,
            colour=YELLOW,
            links=[runbook("RealtimeClockWrong")],
            height=6,
        ),
        bars(
            "Certificates: good for",
            "How long the certificates that pods were given at their start are good for, by file: of a chain the first"
            " that expires, of authorities the last. A pod reads a new file only when it starts.",
            Query(f"min by (file) ({of('realtime_tls_certificate_expiry_timestamp_seconds')}) - time()", "{{file}}"),
            unit=SECONDS,
            levels=good_from(look_below=14 * DAY_SECONDS, act_below=2 * DAY_SECONDS),
            links=[runbook("RealtimeCertificateExpires")],
            without="no certificate is named",
            height=6,
        ),
    )
