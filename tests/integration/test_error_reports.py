"""Bugs reported to a Sentry that is there, away, or silent: what is sent holds no secret, and holds up nobody."""

import json
import time
from collections.abc import Iterable
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from parts.fixtures import StartPod
from parts.http import get
from parts.ports import free_port
from parts.redis_server import RedisServer
from parts.sentry_endpoint import SentryEndpoint
from parts.silent_server import silent_server
from parts.tokens import Issuer
from parts.topics import Topics
from parts.waiting import eventually
from realtime.settings import SentrySettings
from realtime.telemetry.reports import Reports
from realtime.telemetry.sentry import CLOSE_SECONDS
from realtime.telemetry.start_reports import start_reports

JWT = Issuer.hs256().token("u-42")
SECRETS = ("hunter2", "swordfish", JWT, JWT.split(".")[1], "u-42@example.com", "of the frame")
AT_ONCE_SECONDS = 1.0


def make(dsn: str, **settings: Any) -> Reports:
    return start_reports(SentrySettings(dsn=SecretStr(dsn), **settings), "pod-7", "1.2.3", ["swordfish"])


def a_bug(secret_of_the_frame: str = "of the frame") -> BaseException:
    try:
        int(f"password=hunter2 and swordfish, {JWT} of u-42@example.com{secret_of_the_frame[:0]}")
    except ValueError as error:
        return error
    raise AssertionError("that was a number")


async def sent(endpoint: SentryEndpoint, events: int = 1) -> list[dict[str, Any]]:
    return await eventually(
        lambda: endpoint.events if len(endpoint.events) >= events else None, 10, f"{events} events have arrived"
    )


def assert_no_secret(bodies: Iterable[bytes | str]) -> None:
    for body in bodies:
        for secret in SECRETS:
            assert secret not in (body.decode() if isinstance(body, bytes) else body)


async def test_a_report_says_what_failed_where_on_which_pod_and_nothing_of_anybody() -> None:
    with SentryEndpoint() as endpoint:
        reports = make(endpoint.dsn, environment="staging")
        reports.take(a_bug(), "realtime.intake.pipeline", "record_failed")
        (event,) = await sent(endpoint)
        reports.close()
    assert (event["release"], event["environment"], event["server_name"]) == ("realtime@1.2.3", "staging", "pod-7")
    assert event["tags"]["pod"] == "pod-7"
    assert event["logger"] == "realtime.intake.pipeline"
    assert event["logentry"]["message"] == "record_failed"
    (error,) = event["exception"]["values"]
    assert error["type"] == "ValueError"
    assert not error.get("value")
    frame = error["stacktrace"]["frames"][-1]
    assert frame["function"] == "a_bug"
    assert "vars" not in frame
    assert "context_line" not in frame
    assert not {"user", "request", "breadcrumbs", "extra", "modules"} & {key for key, value in event.items() if value}
    assert_no_secret([*endpoint.envelopes, *endpoint.heads])


async def test_where_words_are_asked_for_secrets_are_hidden_in_them() -> None:
    with SentryEndpoint() as endpoint:
        reports = make(endpoint.dsn, include_messages=True)
        reports.take(a_bug(), "realtime", "it_failed")
        reports.take(ValueError("x" * 20_000_000), "realtime", "it_failed")
        first, second = await sent(endpoint, 2)
        reports.close()
    words = first["exception"]["values"][0]["value"]
    assert words.startswith("invalid literal for int() with base 10: 'password=*** and ***, ***")
    assert len(second["exception"]["values"][0]["value"]) < 1_000
    assert_no_secret(body.replace(b"u-42@example.com", b"") for body in endpoint.envelopes)


async def test_what_is_no_bug_is_not_reported_and_of_bugs_so_many_as_are_asked_for() -> None:
    with SentryEndpoint() as endpoint:
        reports, none = make(endpoint.dsn), make(endpoint.dsn, sample_rate=0)
        none.take(a_bug(), "realtime", "dropped")
        reports.take(ConnectionResetError(), "asyncio", "weather")
        reports.take(a_bug(), "realtime", "told")
        (event,) = await sent(endpoint)
        none.close()
        reports.close()
    assert event["logentry"]["message"] == "told"
    assert len(endpoint.events) == 1


@pytest.mark.parametrize("is_silent", [True, False])
def test_a_sentry_that_does_not_answer_holds_up_nobody(is_silent: bool) -> None:
    with silent_server() as url:
        reports = make((url if is_silent else f"http://127.0.0.1:{free_port()}").replace("://", "://key@") + "/42")
        error = a_bug()
        began = time.monotonic()
        for _ in range(500):
            reports.take(error, "realtime", "it_failed")
        assert time.monotonic() - began < 5 * AT_ONCE_SECONDS
        began = time.monotonic()
        reports.close()
        assert time.monotonic() - began < CLOSE_SECONDS + AT_ONCE_SECONDS


async def _upset(redis_server: RedisServer, topics: Topics) -> None:
    """Publish where only pods do: a signal that is none, which a pod takes for a bug of another."""
    async with Redis.from_url(redis_server.url) as redis:
        channels = await redis.pubsub_channels(f"{topics.prefix}:*")
        for channel in channels:
            await redis.publish(channel, b"S" + f'{{"kind": "emit", "token": "hunter2", "x": "{JWT}"'.encode())


async def test_a_pod_reports_its_bugs_once_and_logs_them_without_secrets(
    start_pod: StartPod, redis_server: RedisServer, topics: Topics
) -> None:
    with SentryEndpoint() as endpoint:
        pod = await start_pod(REALTIME_SENTRY__DSN=endpoint.dsn, REALTIME_LOG__FORMAT="json")
        await _upset(redis_server, topics)
        event = (await sent(endpoint))[0]
        assert event["tags"]["pod"] == pod.name
        assert event["logentry"]["message"] == "unreadable_signal"
        assert (await get(f"{pod.url}/health/ready")).status_code == 200  # type: ignore[union-attr]
        assert await pod.terminate() == 0
    lines = [json.loads(line) for line in pod.log.read_text().splitlines()]
    (logged, *_) = [line for line in lines if line["event"] == "unreadable_signal"]
    assert logged["exception"]
    assert_no_secret([*endpoint.envelopes, pod.log.read_text()])


async def test_a_pod_leaves_in_time_though_sentry_is_silent(
    start_pod: StartPod, redis_server: RedisServer, topics: Topics
) -> None:
    with silent_server() as url:
        pod = await start_pod(REALTIME_SENTRY__DSN=url.replace("://", "://key@") + "/42")
        await _upset(redis_server, topics)
        await eventually(lambda: "unreadable_signal" in pod.log.read_text(), 10, "the pod is upset")
        began = time.monotonic()
        assert await pod.terminate() == 0
        assert time.monotonic() - began < CLOSE_SECONDS + 5 * AT_ONCE_SECONDS
