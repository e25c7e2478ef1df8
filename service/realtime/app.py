"""The composition root: settings -> parts, and the order in which they start and stop."""

import asyncio
import signal
import time
from typing import Final

import structlog

import realtime
from realtime.api.app import make_api
from realtime.api.health import Health
from realtime.api.realtime import recognise_services
from realtime.api.traced_requests import TracedRequests
from realtime.broker.redis_subscriber import DEAF_AFTER_HEARTBEATS
from realtime.broker.sharded import compose, make_redis_brokers
from realtime.clock import SystemClock
from realtime.delivery.publisher import Publisher
from realtime.errors import RedisUnavailable
from realtime.gateway.gateway import Gateway
from realtime.gateway.hearing import Hearing
from realtime.gateway.moving import Moving
from realtime.gateway.recovery import Recovery
from realtime.gateway.sessions import Sessions
from realtime.gateway.stats import Stats
from realtime.gateway.tokens import TokenVerifier
from realtime.intake.intake import Intake
from realtime.limits.admission import AdmissionQueue
from realtime.presence.redis import RedisPodDirectory
from realtime.presence.sharded import make_redis_presence
from realtime.protocol.rooms import ADMIN_DASHBOARD
from realtime.redis.connection import connect_shards
from realtime.redis.keys import Keys
from realtime.resilience.breaker import make_breakers
from realtime.resumption.redis import RedisResumableSessions
from realtime.routing.routes import Router
from realtime.server import STRANGERS, make_server, settle_memory
from realtime.settings import Role, Settings
from realtime.telemetry.certificates import note_expiry
from realtime.telemetry.metrics import Metrics
from realtime.telemetry.process import ConnectionMemory, measured_gc, probe_event_loop
from realtime.telemetry.start_tracing import start_tracing
from realtime.transports.engineio.http import http_protocol
from realtime.transports.socketio.asgi import Front
from realtime.transports.socketio.attachment import SocketIOAttachment
from realtime.transports.socketio.handlers import register_handlers
from realtime.transports.socketio.manager import BrokerManager
from realtime.transports.socketio.server import make_engine, make_socketio_server
from realtime.transports.socketio.sids import new_pod_id

log = structlog.get_logger(__name__)

# A pod that misses this many reports is taken for gone.
REPORTS_PER_LEASE: Final = 3


class Pod:
    """One pod: all its parts, put together. Raises `ConfigurationError` for a token key that cannot be used."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._id = new_pod_id()
        self._leaving_since: float | None = None
        self._memory = ConnectionMemory()  # once more when all is loaded
        clock, self._metrics = SystemClock(), Metrics()
        if Role.SOCKETS in settings.roles:
            self._metrics.connection_limit.set(settings.limits.sessions_per_pod)
        self._metrics.drain_limit.set(settings.drain.settle_seconds + settings.drain.grace_seconds)
        self._tracing = start_tracing(settings.tracing, settings.pod.name, realtime.__version__, self._metrics)
        http, kafka = settings.http, settings.kafka
        note_expiry(
            self._metrics.certificate_expiry,
            chains=(http.tls_certificate_file, kafka.ssl_certificate_file, settings.redis.ssl_certificate_file),
            authorities=(kafka.ssl_ca_file, settings.redis.ssl_ca_file),
        )

        redis = connect_shards(settings.redis)
        brokers = make_redis_brokers(redis, settings.redis, settings.history, self._id, self._metrics)
        self._broker = compose(brokers)
        self._presence = make_redis_presence(
            redis,
            settings.redis.key_prefix,
            settings.presence,
            settings.history,
            self._id,
            [broker.place for broker in brokers],
            self._metrics,
        )
        # Of these there is little, and they compare no places of rooms: the first shard keeps all of them.
        keys = Keys(settings.redis.key_prefix)
        self._directory = RedisPodDirectory(redis[0], keys, self._metrics)
        self._resumables = RedisResumableSessions(redis[0], keys, settings.recovery, self._id, self._metrics)
        breakers = make_breakers(settings.breaker, clock, self._metrics)
        publisher = Publisher(self._broker, breakers.redis, self._metrics)
        routes = Router(settings.routing.low_stock_threshold)

        self._manager = BrokerManager(self._broker, self._id, clock, self._metrics, self._tracing)
        max_connections = settings.limits.sessions_per_pod + STRANGERS
        self._handshakes = AdmissionQueue(
            settings.limits.handshakes_per_second,
            settings.limits.handshakes_burst,
            settings.limits.handshakes_waiting_max,
        )
        self._engine = make_engine(
            self._id, settings.http, settings.sockets, self._metrics, max_connections, STRANGERS, self._handshakes
        )
        self._socketio = make_socketio_server(self._manager, self._id, self._engine)
        self._attachment = SocketIOAttachment(self._socketio, self._engine)
        self._sessions = Sessions(settings.limits)
        hearing = Hearing(self._attachment, self._broker, settings.sockets)
        self._moving = Moving(self._sessions, self._attachment, hearing, settings.drain, self._metrics)
        verifier = TokenVerifier(settings.auth, self._metrics)
        self._stats = Stats(self._sessions, self._attachment, self._directory, self._presence, clock)
        recovery = Recovery(
            self._id,
            self._attachment,
            self._broker,
            self._presence,
            self._resumables,
            hearing,
            settings.limits,
            settings.recovery,
            settings.offline,
            self._metrics,
        )
        self._gateway = Gateway(
            self._attachment,
            self._broker,
            breakers.redis,
            recovery,
            hearing,
            self._sessions,
            self._stats,
            verifier,
            settings.limits,
            settings.sockets,
            settings.auth,
            clock,
            self._metrics,
        )
        self._manager.attach(self._engine, self._gateway.welcome)
        register_handlers(self._socketio, self._gateway, self._attachment, self._metrics, self._tracing)

        self._intake: Intake | None = None
        if Role.INTAKE in settings.roles:
            client_id = f"realtime-{settings.pod.name}"
            self._intake = Intake(
                settings.kafka, client_id, routes, publisher, self._broker, breakers, self._metrics, self._tracing
            )

        api = make_api(
            settings.http,
            verifier,
            self._stats,
            publisher,
            routes,
            clock,
            self._metrics,
            self.check_health,
            self._refresh_metrics,
        )
        # Whom it does not believe the routes' own verifier counts.
        traced_api = TracedRequests(api, self._tracing, recognise_services(TokenVerifier(settings.auth)))
        if Role.SOCKETS in settings.roles:
            front, protocol = Front(self._engine, traced_api), http_protocol(self._engine)
            self._server = make_server(front, settings.http, self._drain, protocol, self._hurry)
        else:
            self._server = make_server(traced_api, settings.http, self._drain, hurry=self._hurry)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then leave in order."""
        # Until uvicorn serves, and when it has shut down: it raises the signal once more, which would not end with 0.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._server.handle_early_exit)
        if self._settings.auth.insecure_development_mode:
            log.warning(
                "insecure_development_mode",
                help="Anybody may claim to be anybody. Unset REALTIME_AUTH__INSECURE_DEVELOPMENT_MODE in production.",
            )
        log.info("starting", pod_id=self._id, version=realtime.__version__, roles=sorted(self._settings.roles))
        with measured_gc(self._metrics.gc_pauses):
            await self._serve()
        await self._presence.close()
        await self._broker.close()
        await self._tracing.close()
        log.info("stopped")

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(self._broker.run(self._manager), name="broker"),
                tasks.create_task(self._manager.run(), name="manager"),
                tasks.create_task(self._presence.run(), name="presence"),
                tasks.create_task(self._resumables.run(self._gateway.refresh), name="resumables"),
                tasks.create_task(self._gateway.close_expired(), name="expiry"),
                tasks.create_task(self._report(), name="report"),
                tasks.create_task(probe_event_loop(self._metrics.event_loop_lag), name="probe"),
            ]
            if self._intake is not None:
                background.append(tasks.create_task(self._intake.run(), name="intake"))
            settle_memory()
            self._memory = ConnectionMemory()
            await self._server.serve()
            for task in background:
                task.cancel()

    def check_health(self) -> Health:
        """How this pod is doing, from what it knows already."""
        checks = {"redis": "ok", "kafka": "ok", "leaving": "ok"}
        heard_seconds_ago = self._broker.heard_seconds_ago()
        hears = heard_seconds_ago < DEAF_AFTER_HEARTBEATS * self._settings.redis.heartbeat_interval_seconds
        if not hears:
            checks["redis"] = f"the own heartbeat was last heard {heard_seconds_ago:.0f} s ago"
        joined = self._intake is None or self._intake.has_joined
        if self._intake is None:
            checks["kafka"] = "not the role of this pod"
        elif not joined:
            checks["kafka"] = "waiting for Kafka to give this pod its share of the partitions"
        elif self._intake.trouble is not None:
            checks["kafka"] = self._intake.trouble
        if self._leaving_since is not None:
            checks["leaving"] = "this pod is leaving"
        return Health(
            pod_id=self._id,
            pod_name=self._settings.pod.name,
            version=realtime.__version__,
            is_ready=hears and joined and self._leaving_since is None,
            checks=checks,
        )

    async def _refresh_metrics(self) -> None:
        by_transport = self._stats.sockets_by_transport()
        for transport in ("polling", "websocket"):
            self._metrics.connections.labels(transport).set(by_transport.get(transport, 0))
        self._metrics.broker_heartbeat_age.set(self._broker.heard_seconds_ago())
        self._metrics.waiting_connections.set(self._handshakes.waiting)
        self._metrics.rooms.set(self._manager.room_count)
        self._metrics.connection_memory.set(self._memory.per_connection(len(self._sessions)))
        self._metrics.asyncio_tasks.set(len(asyncio.all_tasks()))
        self._metrics.socket_waiting.set(await self._engine.waiting_bytes())
        if self._intake is not None:
            self._intake.refresh_metrics()
        if self._leaving_since is not None:
            self._metrics.draining_seconds.set(time.monotonic() - self._leaving_since)

    async def _report(self) -> None:
        """Tell the other pods of this one, and this pod's admins of all."""
        interval_seconds = self._settings.stats.interval_seconds
        roles = tuple(sorted(self._settings.roles))
        while not self._sessions.is_draining:
            try:
                partitions = 0 if self._intake is None else self._intake.assigned_partitions
                report = self._stats.report(self._id, self._settings.pod.name, roles, partitions)
                await self._directory.report(report, REPORTS_PER_LEASE * interval_seconds)
                if self._manager.has_members(ADMIN_DASHBOARD):
                    stats = await self._stats.of_cluster()
                    await self._socketio.emit("admin:stats", stats, to=ADMIN_DASHBOARD, ignore_queue=True)
            except RedisUnavailable as error:
                log.warning("report_failed", error=str(error))
            await asyncio.sleep(interval_seconds)

    async def _drain(self) -> None:
        """Leave in order: not ready, let endpoints settle, finish intake, move sockets."""
        settings, loop = self._settings.drain, asyncio.get_running_loop()
        self._leaving_since = time.monotonic()
        self._metrics.draining.set(1)
        log.info("leaving", sessions=len(self._sessions), settle_seconds=settings.settle_seconds)
        await self._moving.pause(settings.settle_seconds)
        until = loop.time() + settings.grace_seconds
        try:
            async with asyncio.timeout_at(until):
                if self._intake is not None:
                    await self._stop_intake(self._intake, settings.grace_seconds / 2)
                self._engine.take_nobody_in()
                await self._moving.move_all(until - loop.time())
                log.info("sessions_moved")
                await self._directory.leave(self._id)
        except TimeoutError:
            log.warning("drain_cut_short", sessions=len(self._sessions), grace_seconds=settings.grace_seconds)
        except RedisUnavailable as error:
            log.info("not_signed_off", error=str(error))  # the lease ends by itself
        await self._engine.shutdown()

    def _hurry(self) -> None:
        """Leave now: what intake has under way is still finished, and nobody else is waited for."""
        log.info("hurrying", help="One more signal ends this pod at once.")
        self._moving.hurry()

    async def _stop_intake(self, intake: Intake, timeout_seconds: float) -> None:
        try:
            async with asyncio.timeout(timeout_seconds):
                await intake.stop()
        except TimeoutError:
            # The position in Redis tells whoever goes on; sockets must not be cut because Kafka is away.
            log.warning("intake_cut_short", timeout_seconds=timeout_seconds)
