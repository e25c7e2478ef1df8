"""Who is connected, what clients ask for, and what is written to them."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from realtime.telemetry.counting import QuickCounter, QuickHistogram
from realtime.telemetry.declared.buckets import HANDSHAKE_BUCKETS_SECONDS, LATENCY_BUCKETS_SECONDS


class SocketMetrics:
    """Sockets and rooms."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge("realtime_connections", "Sessions on this pod now.", ["transport"], registry=registry)
        self.connection_limit = Gauge(
            "realtime_connection_limit",
            "Sessions that this pod takes: `limits.sessions_per_pod`; 0 without the role `sockets`.",
            registry=registry,
        )
        self.waiting_connections = Gauge(
            "realtime_waiting_connections",
            "New connections that wait for their turn, because more come than `limits.handshakes_per_second`.",
            registry=registry,
        )
        self.rooms = Gauge("realtime_rooms", "Rooms that have members on this pod.", registry=registry)
        self.connects = Counter(
            "realtime_connects_total",
            "Connection attempts, by outcome (accepted, or an error's code; internal: a bug of ours).",
            ["outcome"],
            registry=registry,
        )
        self.handshakes = QuickHistogram(
            "realtime_handshake_seconds",
            "What an accepted client waited for us: for its turn to connect, and from its CONNECT to"
            " `connection:success`.",
            buckets=HANDSHAKE_BUCKETS_SECONDS,
            registry=registry,
        )
        self.token_rejections = Counter(
            "realtime_token_rejections_total",
            "Tokens of sockets and REST that were not believed, by reason (expired, not_yet_valid, bad_signature,"
            " wrong_algorithm, malformed, wrong_claims, no_key: this pod has none; missing: there was no token).",
            ["reason"],
            registry=registry,
        )
        self.refused_requests = Counter(
            "realtime_refused_requests_total",
            "Engine.IO requests that were not served, by problem (draining, unknown_sid, forbidden, ...).",
            ["problem"],
            registry=registry,
        )
        self.protocol_violations = Counter(
            "realtime_protocol_violations_total",
            "Connections closed because their client broke the protocol.",
            registry=registry,
        )
        self.disconnects = Counter(
            "realtime_disconnects_total", "Sessions that ended, by reason.", ["reason"], registry=registry
        )
        self.commands = Counter(
            "realtime_commands_total",
            "Commands from clients, by name (unknown ones as `unknown`) and outcome.",
            ["command", "outcome"],
            registry=registry,
        )
        self.deliveries = QuickCounter(
            "realtime_deliveries_total", "Messages written to sockets of this pod.", registry=registry
        )
        self.delivery_latency = QuickHistogram(
            "realtime_delivery_latency_seconds",
            "From the Kafka record's timestamp to the write into this pod's sockets, once for each room's message; not"
            " of what came by REST or is replayed.",
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=registry,
        )
        self.future_timestamps = QuickCounter(
            "realtime_future_timestamps_total",
            "Room's messages whose Kafka timestamp lay behind this pod's clock: a clock is wrong; their latency counts"
            " as 0.",
            registry=registry,
        )
        self.socket_waiting = Gauge(
            "realtime_socket_waiting_bytes",
            "What waits to be written to this pod's sockets, because their clients are slow to read.",
            registry=registry,
        )
        self.conflations = QuickCounter(
            "realtime_conflations_total",
            "Messages to a slow client that were replaced by a later one of the same thing.",
            registry=registry,
        )
        self.slow_consumers_closed = QuickCounter(
            "realtime_slow_consumers_closed_total",
            "Connections closed because their client did not read, and more waited for it than may.",
            registry=registry,
        )
        self.connection_memory = Gauge(
            "realtime_connection_memory_bytes",
            "Resident memory beyond what this pod had when it began to serve, per session; 0 without any, and where"
            " there is no /proc.",
            registry=registry,
        )
        self.certificate_expiry = Gauge(
            "realtime_tls_certificate_expiry_timestamp_seconds",
            "When the certificate in a file of the settings expires, as this pod read it at its start: of a chain the"
            " first to expire, of a bundle of authorities the last.",
            ["file"],
            registry=registry,
        )
