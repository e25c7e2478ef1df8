"""What the service's settings refuse by code, and no schema can: the chart refuses it as well, or a reason stands here.

Settings' validators are found by looking: a new one, or one more `raise` in one, fails until it has a row.
"""

import ast
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator

from parts.helm import RenderFailed, render
from parts.helm_values import minimal
from realtime.settings import Settings

PEM: Final = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2Vw\n-----END PUBLIC KEY-----\n"


def kafka(**settings: Any) -> dict[str, Any]:
    return minimal(settings={"kafka": settings})


def settings(section: str, **values: Any) -> dict[str, Any]:
    return minimal(settings={section: values})


# Validator -> for each thing that it refuses, values and the beginning of the chart's message.
REFUSED: Final[dict[str, list[tuple[dict[str, Any], str]]]] = {
    "AuthSettings._one_way_to_prove": [
        (minimal(auth={"publicKey": PEM}), "auth.secret, auth.publicKey are all set"),
        (minimal(auth=None), "auth: nothing says how"),
        (minimal(auth={"secret": "short"}), "auth.secret has 5 bytes"),
    ],
    "KafkaSettings._fits_together": [
        (kafka(securityProtocol="SASL_SSL"), "kafka.sasl: settings.kafka.securityProtocol is SASL_SSL"),
        (kafka(sessionTimeoutSeconds=5), "settings.kafka.sessionTimeoutSeconds is 5, but must be at least twice"),
        (kafka(noAssignmentRestartSeconds=30), "settings.kafka.noAssignmentRestartSeconds is 30, but must be more"),
        (kafka(unansweredRestartSeconds=0.5), "settings.kafka.unansweredRestartSeconds is 0.5, but must be at least"),
        (kafka(deadLetterTopic="order.created"), 'settings.kafka.deadLetterTopic is "order.created", and so is'),
    ],
    "TopicSettings._each_topic_carries_one_event": [
        (kafka(topics={"orderUpdated": "order.created"}), "settings.kafka.topics.orderCreated and settings.kafka."),
    ],
    "_is_a_topic_name": [
        (kafka(topics={"orderCreated": "order created"}), 'settings.kafka.topics.orderCreated is "order created"'),
    ],
    "HttpSettings._tls_takes_both": [
        (settings("http", tlsKeyFile="/x"), "settings.http: tlsCertificateFile and tlsKeyFile go together"),
    ],
    "HttpSettings._are_origins": [
        (settings("http", corsOrigins="https://a.example,b.example"), 'settings.http.corsOrigins has "b.example"'),
    ],
    "RedisSettings._fits_together": [
        (minimal(redis={"sentinel": {"username": "u"}}), "redis.sentinel.username is set without a password"),
        (minimal(redis={"tls": {"caSecret": {"name": "ca"}}}), "redis.tls is set, but redis.url does not begin"),
        (minimal(redis={"sentinel": {"password": "p"}}), "redis.sentinel is set, but redis.url does not begin"),
        (settings("redis", sslKeyFile="/x"), "settings.redis: sslCertificateFile and sslKeyFile go together"),
    ],
    "RedisSettings._can_be_connected_to": [
        (minimal(redis={"url": "redis:6379"}), "redis.url must begin with"),
    ],
    "Settings._histories_reach_as_far": [
        (settings("offline", maxMessages=2000), "settings.history.maxMessagesPerRoom is 1000, but must be at least"),
        (settings("history", retentionSeconds=3600), "settings.history.retentionSeconds is 3600, but must be at"),
    ],
    "SocketSettings._conflates_before_it_closes": [
        (settings("sockets", waitingConflateBytes=2_000_000), "settings.sockets.waitingMaxBytes is 1048576, but"),
        (settings("sockets", waitingConflateBytes=4096, waitingMaxBytes=8192), "settings.sockets.waitingMaxBytes is"),
    ],
    "_some_transport": [
        (settings("sockets", transports=[]), "settings.sockets.transports is empty"),
    ],
    "TracingSettings._is_a_url": [
        (settings("tracing", endpoint="http://me:key@collector:4318"), "settings.tracing.endpoint must be a URL"),
        (settings("tracing", endpoint="collector:4318"), "settings.tracing.endpoint must be a URL"),
    ],
    "TracingSettings._are_headers": [(minimal(tracing={"headers": "a key"}), "tracing.headers must look like")],
    "SentrySettings._is_a_dsn": [(minimal(sentry={"dsn": "https://sentry.example/1"}), "sentry.dsn must be a URL")],
}

# What is left to the pod's start, and why: how many of the validator's refusals.
LEFT: Final[dict[str, tuple[int, str]]] = {
    "RedisSettings._fits_together": (1, "whether a file is there only the pod can see; the chart mounts its own"),
    "_some_role": (1, "the chart sets the roles"),
    "split_at_commas": (0, "refuses nothing: it takes a text apart"),
    "HttpSettings._split_origins": (0, "refuses nothing: it takes a text apart"),
}


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from models(field.annotation)


def validators() -> dict[str, Callable[..., Any]]:
    """All functions that a section, or a setting, is held against."""
    found: dict[str, Callable[..., Any]] = {}
    for model in models(Settings):
        decorators = model.__pydantic_decorators__
        for kind in ("validators", "field_validators", "root_validators", "model_validators"):
            for name, decorator in getattr(decorators, kind).items():
                found[f"{model.__name__}.{name}"] = getattr(decorator.func, "__func__", decorator.func)
        for field in model.model_fields.values():
            for each in field.metadata:
                if isinstance(each, AfterValidator | BeforeValidator):
                    found[each.func.__name__] = each.func
    return found


def refusals(function: Callable[..., Any]) -> int:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return sum(isinstance(node, ast.Raise) for node in ast.walk(tree))


def test_each_rule_of_the_service_is_the_charts_or_is_left_to_it_for_a_reason() -> None:
    rows = Counter({name: len(found) for name, found in REFUSED.items()})
    rows.update({name: number for name, (number, _) in LEFT.items()})
    found = validators()

    assert REFUSED.keys() | LEFT.keys() == found.keys()
    assert {name: number for name, each in found.items() if (number := refusals(each)) > rows[name]} == {}


def cases() -> Iterator[Any]:
    for name, rows in REFUSED.items():
        for number, (values, words) in enumerate(rows):
            yield pytest.param(values, words, id=f"{name}-{number}")


@pytest.mark.parametrize(("values", "words"), [*cases()])
def test_the_chart_refuses_it_too(values: dict[str, Any], words: str) -> None:
    with pytest.raises(RenderFailed) as refused:
        render(values)
    assert str(refused.value).partition("): ")[2].startswith(words)


@pytest.mark.parametrize(
    "server", ["http://kafka:9092", "kafka:port", "kafka:9092 more", "kafka;other", "kafka:9092:1", ":9092"]
)
def test_what_is_no_address_of_kafka_is_refused(server: str) -> None:
    with pytest.raises(RenderFailed, match="which is not host:port, such as kafka-bootstrap"):
        render(kafka(bootstrapServers=f"kafka:9092, {server}"))


@pytest.mark.parametrize("servers", ["kafka", "a.b-c:9092,10.0.0.1:9093", "[fd00::1]:9092", "kafka:9092,"])
def test_addresses_of_kafka_are_taken(servers: str) -> None:
    assert render(kafka(bootstrapServers=servers))


def test_what_fits_by_a_hair_is_taken() -> None:
    assert render(kafka(sessionTimeoutSeconds=6, noAssignmentRestartSeconds=6.5, fetchWaitSeconds=60))
    assert render(settings("offline", maxMessages=1000, maxAgeSeconds=86_400))
    assert render(settings("sockets", waitingMaxBytes=65_536))
    assert render(settings("http", corsOrigins=["*"]))


def test_what_pods_are_given_by_hand_is_not_judged() -> None:
    by_hand = [{"name": "REALTIME_KAFKA__HEARTBEAT_INTERVAL_SECONDS", "value": "1"}]
    values = kafka(sessionTimeoutSeconds=5)
    assert render({**values, "gateway": {"extraEnv": by_hand}})
    with pytest.raises(RenderFailed, match="sessionTimeoutSeconds is 5"):
        render(values)
