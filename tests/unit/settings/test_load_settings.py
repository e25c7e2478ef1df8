"""The environment -> settings, or words that name the variable to mend."""

import re
from typing import Any

import pytest

from realtime.errors import ConfigurationError
from realtime.settings import (
    AuthSettings,
    KafkaSettings,
    Role,
    Settings,
    Transport,
    load_kafka_settings,
    load_sections,
    load_settings,
)
from realtime.settings.environment import leaves, variable_name

SECRET = "s3cr3t-" * 6


class Environment:
    """This process's REALTIME_* variables: a good secret, and what the test adds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.set(AUTH__SECRET=SECRET)

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(f"REALTIME_{name}", value)

    def drop(self, name: str) -> None:
        self._monkeypatch.delenv(f"REALTIME_{name}")

    def refusal(self, **variables: str) -> str:
        self.set(**variables)
        with pytest.raises(ConfigurationError) as refused:
            load_settings()
        return str(refused.value)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    return Environment(monkeypatch)


# -- what is taken --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("environment")
def test_a_secret_is_all_that_must_be_set() -> None:
    settings = load_settings()
    assert settings.auth.secret is not None
    assert settings.roles == {Role.INTAKE, Role.SOCKETS}
    assert settings.http.port == 3009
    assert settings.http.cors_origins == ()
    assert settings.kafka.group_id == "realtime-service-group"
    assert settings.kafka.dead_letter_topic == "realtime.dead-letters"
    assert settings.redis.url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert settings.routing.low_stock_threshold == 10
    assert settings.auth.insecure_development_mode is False
    assert settings.pod.name


@pytest.mark.usefixtures("environment")
def test_each_event_has_the_topic_of_its_name() -> None:
    topics = load_settings().kafka.topics.by_event()
    assert topics == {name: name for name in topics}
    assert len(topics) == 6


@pytest.mark.parametrize(
    ("name", "value", "path", "taken"),
    [
        ("HTTP__PORT", "0", "http.port", 0),
        ("http__port", "8080", "http.port", 8080),
        ("ROLES", "intake", "roles", {Role.INTAKE}),
        ("ROLES", " sockets , intake,", "roles", {Role.INTAKE, Role.SOCKETS}),
        ("HTTP__CORS_ORIGINS", "https://a.example, http://b:8080", "http.cors_origins", ("https://a.example", "http://b:8080")),
        ("HTTP__CORS_ORIGINS", "*", "http.cors_origins", ("*",)),
        ("HTTP__CORS_ORIGINS", "", "http.cors_origins", ()),
        ("KAFKA__TOPICS__ORDER_CREATED", "shop.Orders_1", "kafka.topics.order_created", "shop.Orders_1"),
        ("KAFKA__BOOTSTRAP_SERVERS", "a:1,b:2", "kafka.bootstrap_servers", "a:1,b:2"),
        ("KAFKA__START_AT", "latest", "kafka.start_at", "latest"),
        ("SOCKETS__TRANSPORTS", "websocket", "sockets.transports", {Transport.WEBSOCKET}),
        ("SOCKETS__TRANSPORTS", " websocket ,polling,", "sockets.transports", {Transport.POLLING, Transport.WEBSOCKET}),
        ("ROUTING__LOW_STOCK_THRESHOLD", "0", "routing.low_stock_threshold", 0),
        ("LIMITS__COMMANDS_PER_SECOND", "0.5", "limits.commands_per_second", 0.5),
    ],
)  # fmt: skip
def test_a_variable_sets_what_it_names(
    environment: Environment, name: str, value: str, path: str, taken: object
) -> None:
    environment.set(**{name: value})
    found: Any = load_settings()
    for step in path.split("."):
        found = getattr(found, step)
    assert found == taken


@pytest.mark.parametrize("url", ["redis://h:1/0", "rediss://u:p@h/1", "unix:///run/redis.sock", "redis://[::1]:6379"])
def test_redis_is_reached_in_each_way_there_is(environment: Environment, url: str) -> None:
    environment.set(REDIS__URL=url)
    assert load_settings().redis.url.get_secret_value() == url


def test_variables_of_others_are_none_of_ours(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIMEX_PORT", "x")
    monkeypatch.setenv("PORT", "x")
    assert load_settings().http.port == 3009


def test_settings_cannot_be_changed(environment: Environment) -> None:
    settings: Any = load_settings()
    for section, name in ((settings, "roles"), (settings.http, "port"), (settings.kafka.topics, "order_created")):
        with pytest.raises(ValueError, match="frozen"):
            setattr(section, name, "x")


def test_every_setting_says_what_it_is_for() -> None:
    for path in leaves(Settings):
        model: Any = Settings
        for section in path[:-1]:
            model = model.model_fields[section].annotation
        description = model.model_fields[path[-1]].description
        assert description, f"{variable_name(path)} has no description"
        assert description.endswith(".")


# -- what is refused ------------------------------------------------------------------------------------------------

WRONG = [
    ("HTTP__PORT", "http"),
    ("HTTP__PORT", "65536"),
    ("HTTP__PORT", "-1"),
    ("HTTP__PORT", ""),
    ("HTTP__PORT", "3009.5"),
    ("HTTP__BODY_MAX_BYTES", "0"),
    ("HTTP__CORS_ORIGINS", "shop.example"),
    ("HTTP__CORS_ORIGINS", "https://shop.example/"),
    ("HTTP__CORS_ORIGINS", "https://shop.example/shop"),
    ("HTTP__CORS_ORIGINS", "https://ok.example, null"),
    ("HTTP__CORS_ORIGINS", "https://"),
    ("ROLES", "socket"),
    ("ROLES", "intake,socket"),
    ("ROLES", ""),
    ("ROLES", " , "),
    ("POD__NAME", ""),
    ("POD__NAME", "x" * 254),
    ("KAFKA__TOPICS__ORDER_CREATED", ""),
    ("KAFKA__TOPICS__ORDER_CREATED", "order created"),
    ("KAFKA__TOPICS__ORDER_CREATED", "order/created"),
    ("KAFKA__TOPICS__ORDER_CREATED", "bestellung.übersicht"),
    ("KAFKA__TOPICS__ORDER_CREATED", ".."),
    ("KAFKA__TOPICS__ORDER_CREATED", "x" * 250),
    ("KAFKA__DEAD_LETTER_TOPIC", ""),
    ("KAFKA__DEAD_LETTER_TOPIC", "dead letters"),
    ("KAFKA__GROUP_ID", ""),
    ("KAFKA__START_AT", "newest"),
    ("KAFKA__SECURITY_PROTOCOL", "TLS"),
    ("KAFKA__SECURITY_PROTOCOL", "ssl"),
    ("KAFKA__SASL_MECHANISM", "GSSAPI"),
    ("KAFKA__SESSION_TIMEOUT_SECONDS", "inf"),
    ("KAFKA__SESSION_TIMEOUT_SECONDS", "nan"),
    ("KAFKA__BATCH_MAX_RECORDS", "0"),
    ("KAFKA__RECORD_MAX_BYTES", "-1"),
    ("REDIS__URL", "http://127.0.0.1"),
    ("REDIS__URL", "127.0.0.1:6379"),
    ("REDIS__URL", ""),
    ("REDIS__URL", "redis://h:port/0"),
    ("REDIS__URL", "redis://h:99999/0"),
    ("REDIS__URL", "redis://[::1"),
    ("REDIS__SHARDS", "0"),
    ("REDIS__SHARDS", "65"),
    ("REDIS__KEY_PREFIX", "a:b"),
    ("REDIS__KEY_PREFIX", "{0}"),
    ("REDIS__UNSUBSCRIBE_DELAY_SECONDS", "-1"),
    ("HISTORY__MAX_MESSAGES_PER_ROOM", "0"),
    ("AUTH__LEEWAY_SECONDS", "301"),
    ("AUTH__INSECURE_DEVELOPMENT_MODE", "perhaps"),
    ("SOCKETS__MESSAGE_MAX_BYTES", "1000001"),
    ("SOCKETS__PING_INTERVAL_SECONDS", "0"),
    ("SOCKETS__TRANSPORTS", ""),
    ("SOCKETS__TRANSPORTS", " , "),
    ("SOCKETS__TRANSPORTS", "websockets"),
    ("SOCKETS__TRANSPORTS", "WebSocket"),
    ("SOCKETS__TRANSPORTS", "websocket,webtransport"),
    ("SOCKETS__TRANSPORTS", '["websocket"]'),
    ("SOCKETS__TRANSPORTS", "websocket polling"),
    ("LIMITS__COMMANDS_PER_SECOND", "0"),
    ("LIMITS__SESSIONS_PER_USER", "many"),
    ("ROUTING__LOW_STOCK_THRESHOLD", "-1"),
    ("DRAIN__SETTLE_SECONDS", "-0.1"),
    ("STATS__INTERVAL_SECONDS", "0"),
    ("LOG__LEVEL", "trace"),
    ("LOG__FORMAT", "xml"),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda text: text[:40])
def test_a_wrong_value_is_told_in_one_line_that_names_its_variable(
    environment: Environment, name: str, value: str
) -> None:
    words = environment.refusal(**{name: value})
    assert words.startswith(f"REALTIME_{name}: ")
    assert "\n" not in words


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("KAFFKA__GROUP_ID", "KAFKA__GROUP_ID"),
        ("KAFKA__GRUOP_ID", "KAFKA__GROUP_ID"),
        ("KAFKA__TOPICS__ORDER_CREATE", "KAFKA__TOPICS__ORDER_CREATED"),
        ("HTTP_PORT", "HTTP__PORT"),
        ("AUTH__SECRETS", "AUTH__SECRET"),
        ("ROLE", "ROLES"),
        ("kaffka__group_id", "KAFKA__GROUP_ID"),
    ],
)
def test_a_misspelt_name_is_told_with_the_one_that_was_meant(environment: Environment, name: str, meant: str) -> None:
    words = environment.refusal(**{name: "x" * 40})
    assert words == f"REALTIME_{name.upper()}: no such setting; did you mean REALTIME_{meant}?"


def test_a_name_that_is_like_no_other_is_told_all_the_same(environment: Environment) -> None:
    assert environment.refusal(ZZZ="x") == "REALTIME_ZZZ: no such setting"


@pytest.mark.parametrize("value", ["x", "{}", '{"group_id": "x"}', '{"group_id": '])
def test_a_section_is_not_set_as_a_whole(environment: Environment, value: str) -> None:
    words = environment.refusal(KAFKA=value)
    assert words.startswith("REALTIME_KAFKA: no such setting")
    assert "\n" not in words


def test_all_that_is_wrong_is_told_at_once(environment: Environment) -> None:
    words = environment.refusal(HTTP__PORT="x", LOG__LEVEL="x", KAFFKA__GROUP_ID="x", ROLES="x")
    assert sorted(line.split(":")[0] for line in words.splitlines()) == [
        "REALTIME_HTTP__PORT",
        "REALTIME_KAFFKA__GROUP_ID",
        "REALTIME_LOG__LEVEL",
        "REALTIME_ROLES",
    ]


# -- what contradicts itself ----------------------------------------------------------------------------------------


def test_there_is_no_default_key(environment: Environment) -> None:
    environment.drop("AUTH__SECRET")
    words = environment.refusal()
    for name in ("SECRET", "PUBLIC_KEY", "PUBLIC_KEY_FILE"):
        assert f"REALTIME_AUTH__{name}" in re.findall("[A-Z_]+", words)


def test_without_a_key_the_insecure_mode_must_be_asked_for(environment: Environment) -> None:
    environment.drop("AUTH__SECRET")
    environment.set(AUTH__INSECURE_DEVELOPMENT_MODE="true")
    assert load_settings().auth.insecure_development_mode


def test_there_is_one_key_and_not_several(environment: Environment) -> None:
    words = environment.refusal(AUTH__PUBLIC_KEY="x")
    assert "set one of REALTIME_AUTH__SECRET, REALTIME_AUTH__PUBLIC_KEY, not several" in words


@pytest.mark.parametrize(
    ("secret", "is_long_enough"), [("x" * 31, False), ("x" * 32, True), ("é" * 16, True), ("", False)]
)
def test_a_secret_has_as_many_bytes_as_its_hash(environment: Environment, secret: str, is_long_enough: bool) -> None:
    if is_long_enough:
        environment.set(AUTH__SECRET=secret)
        assert load_settings().auth.secret is not None
    else:
        assert "REALTIME_AUTH__SECRET must have at least 32 bytes" in environment.refusal(AUTH__SECRET=secret)


@pytest.mark.parametrize("protocol", ["SASL_SSL", "SASL_PLAINTEXT"])
@pytest.mark.parametrize("given", [{}, {"KAFKA__SASL_USERNAME": "u"}, {"KAFKA__SASL_PASSWORD": "p"}])
def test_sasl_needs_a_user_and_a_password(environment: Environment, protocol: str, given: dict[str, str]) -> None:
    words = environment.refusal(KAFKA__SECURITY_PROTOCOL=protocol, **given)
    assert f"{protocol} needs REALTIME_KAFKA__SASL_USERNAME and REALTIME_KAFKA__SASL_PASSWORD" in words


@pytest.mark.parametrize(("timeout", "is_fine"), [("5.9", False), ("6", True)])
def test_a_session_outlives_two_heartbeats(environment: Environment, timeout: str, is_fine: bool) -> None:
    if is_fine:
        environment.set(KAFKA__SESSION_TIMEOUT_SECONDS=timeout)
        assert load_settings().kafka.session_timeout_seconds == 6
    else:
        words = environment.refusal(KAFKA__SESSION_TIMEOUT_SECONDS=timeout)
        assert "REALTIME_KAFKA__SESSION_TIMEOUT_SECONDS must be at least twice" in words


def test_a_topic_carries_one_event(environment: Environment) -> None:
    words = environment.refusal(KAFKA__TOPICS__ORDER_CREATED="orders", KAFKA__TOPICS__ORDER_UPDATED="orders")
    assert words == "REALTIME_KAFKA__TOPICS: topic orders is named for more than one event"


def test_dead_letters_do_not_come_back_as_records(environment: Environment) -> None:
    words = environment.refusal(KAFKA__DEAD_LETTER_TOPIC="order.created")
    assert "REALTIME_KAFKA__DEAD_LETTER_TOPIC must not be a topic of events" in words


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"HISTORY__MAX_MESSAGES_PER_ROOM": "99"},
            "REALTIME_OFFLINE: REALTIME_OFFLINE__MAX_MESSAGES must not be above REALTIME_HISTORY__MAX_MESSAGES_PER_ROOM",
        ),
        (
            {"OFFLINE__MAX_AGE_SECONDS": "86401"},
            "REALTIME_OFFLINE: REALTIME_OFFLINE__MAX_AGE_SECONDS must not be above REALTIME_HISTORY__RETENTION_SECONDS",
        ),
    ],
)
def test_what_waits_for_a_user_is_kept(environment: Environment, settings: dict[str, str], words: str) -> None:
    assert environment.refusal(**settings) == words


@pytest.mark.parametrize(("seconds", "is_fine"), [("0.9", False), ("1", True)])
def test_a_consumer_is_not_given_up_while_kafka_may_still_say_nothing(
    environment: Environment, seconds: str, is_fine: bool
) -> None:
    if is_fine:
        environment.set(KAFKA__UNANSWERED_RESTART_SECONDS=seconds)
        assert load_settings().kafka.unanswered_restart_seconds == 1
    else:
        words = environment.refusal(KAFKA__UNANSWERED_RESTART_SECONDS=seconds)
        assert "UNANSWERED_RESTART_SECONDS must be at least twice REALTIME_KAFKA__FETCH_WAIT_SECONDS" in words


# -- secrets --------------------------------------------------------------------------------------------------------

SECRETS = {
    "AUTH__SECRET": "hidden-auth-secret-of-many-bytes-0123456789",
    "REDIS__URL": "redis://user:hidden-redis-password@redis:6379/0",
    "KAFKA__SASL_USERNAME": "somebody",
    "KAFKA__SASL_PASSWORD": "hidden-kafka-password",
}


def test_secrets_are_not_shown_wherever_settings_are(environment: Environment) -> None:
    environment.set(**SECRETS)
    settings = load_settings()
    shown = (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        repr(settings.auth),
        repr(settings.model_dump()),
    )
    assert all("hidden" not in text for text in shown)


@pytest.mark.parametrize(
    "mistake",
    [
        {"AUTH__PUBLIC_KEY": "hidden-public-key"},
        {"AUTH__SECRET": "hidden-short"},
        {"REDIS__URL": "http://:hidden@redis"},
        {"REDIS__URL": "redis://:hidden@redis:port"},
        {"REDIS__URL": "redis://:hidden@[::1"},
        {"REDIS__URL": "redis://:hid/den@h"},
        {"REDIS__URL": "redis+sentinel://:hidden@h1,h2"},
        {"REDIS__URL": "redis+cluster://:hidden@h1,,h2"},
        {"REDIS__URL": "redis://h/0?password=hidden"},
        {"REDIS__SENTINEL_PASSWORD": "hidden"},
        {"KAFKA__SASL_PASSWORDS": "hidden"},
        {"AUTH": '{"secret": "hidden'},
        {"AUTH": '{"secret": "hidden"}'},
        {"AUTH__SECRET__X": "hidden"},
        {"KAFKA__SECURITY_PROTOCOL": "TLS"},
        {"KAFKA__SECURITY_PROTOCOL": "SASL_SSL", "KAFKA__SESSION_TIMEOUT_SECONDS": "1"},
    ],
    ids=lambda mistake: next(iter(mistake)),
)
def test_secrets_are_not_in_what_is_said_of_a_mistake(environment: Environment, mistake: dict[str, str]) -> None:
    words = environment.refusal(**SECRETS | mistake)
    assert "hidden" not in words
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert refused.value.__cause__ is None
    assert "hidden" not in repr(refused.value)


def test_a_section_keeps_its_secret_when_it_is_made_in_a_program() -> None:
    assert "hidden" not in repr(AuthSettings(secret="hidden" * 6))
    assert "hidden" not in repr(KafkaSettings(sasl_password="hidden"))


def test_a_command_that_needs_kafka_alone_needs_no_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIME_KAFKA__GROUP_ID", "g")
    monkeypatch.setenv("REALTIME_AUTH__SECRET", "too short for a pod")
    assert load_kafka_settings().group_id == "g"
    monkeypatch.setenv("REALTIME_KAFKA__BATCH_MAX_RECORDS", "0")
    monkeypatch.setenv("REALTIME_KAFFKA__GROUP_ID", "g")
    with pytest.raises(ConfigurationError, match=r"(?s)KAFFKA__GROUP_ID: no such.*KAFKA__BATCH_MAX_RECORDS: Input"):
        load_kafka_settings()


# -- traces ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("https://collector.example/", "https://collector.example/v1/traces"),
        ("http://[::1]:4318/otlp/v1/traces", "http://[::1]:4318/otlp/v1/traces"),
    ],
)
def test_traces_go_where_the_endpoint_says(environment: Environment, endpoint: str, url: str) -> None:
    environment.set(TRACING__ENDPOINT=endpoint, TRACING__HEADERS="api-key=a=b, x=y z,")
    tracing = load_settings().tracing
    assert tracing.traces_url == url
    assert tracing.header_fields == {"api-key": "a=b", "x": "y z"}


@pytest.mark.parametrize(
    "endpoint",
    ["collector:4318", "localhost", "", "grpc://collector:4317", "http://", "http://h:port", "http://h:99999", "http://a b", "http://h:0"],
)  # fmt: skip
def test_an_endpoint_that_is_no_url_is_refused_with_one_that_is(environment: Environment, endpoint: str) -> None:
    told = environment.refusal(TRACING__ENDPOINT=endpoint)
    assert told == "REALTIME_TRACING__ENDPOINT: must be a URL such as http://collector:4318"


def test_a_password_in_the_endpoint_is_refused_without_being_told(environment: Environment) -> None:
    told = environment.refusal(TRACING__ENDPOINT="http://user:hunter2@collector:4318")
    assert "headers" in told
    assert "hunter2" not in told


@pytest.mark.parametrize("ratio", ["-0.1", "1.1", "nan", "inf", "half"])
def test_a_part_is_between_none_and_all(environment: Environment, ratio: str) -> None:
    assert environment.refusal(TRACING__SAMPLING_RATIO=ratio).startswith("REALTIME_TRACING__SAMPLING_RATIO: ")


@pytest.mark.parametrize("headers", ["api-key", "=x", "a b=c", "a=b\nc: d", "a=\u00e9"])
def test_headers_that_are_none_are_refused_without_being_told(environment: Environment, headers: str) -> None:
    told = environment.refusal(TRACING__HEADERS=headers)
    assert told == "REALTIME_TRACING__HEADERS: must look like name=value,name=value"


# -- reports of bugs, and repetition --------------------------------------------------------------------------------


@pytest.mark.parametrize("dsn", ["https://key@sentry.example/42", "http://key:secret@127.0.0.1:9000/sentry/1"])
def test_a_dsn_is_taken(environment: Environment, dsn: str) -> None:
    environment.set(SENTRY__DSN=dsn)
    taken = load_settings().sentry.dsn
    assert taken is not None
    assert taken.get_secret_value() == dsn


@pytest.mark.parametrize(
    "dsn", ["", "hunter2", "https://sentry.example/42", "https://hunter2@sentry.example", "https://hunter2@sentry.example/x", "ftp://hunter2@h/1"]
)  # fmt: skip
def test_a_dsn_that_is_none_is_refused_without_being_told(environment: Environment, dsn: str) -> None:
    told = environment.refusal(SENTRY__DSN=dsn)
    assert told.startswith("REALTIME_SENTRY__DSN: must be a URL such as https://key@sentry.example/42")
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [("SENTRY__SAMPLE_RATE", "2"), ("LOG__REPEATS_MAX", "0"), ("LOG__REPEATS_WINDOW_SECONDS", "0"), ("TRACING__QUEUE_MAX_SPANS", "1"), ("TRACING__EXPORT_TIMEOUT_SECONDS", "0")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(environment: Environment, name: str, value: str) -> None:
    assert environment.refusal(**{name: value}).startswith(f"REALTIME_{name}: Input should be ")


@pytest.mark.parametrize(
    ("said", "roles"),
    [
        (None, {"intake", "sockets"}),
        ("intake", {"intake"}),
        ("cook", {"intake", "sockets"}),
        ("", {"intake", "sockets"}),
    ],
)
def test_who_looks_for_what_is_wrong_gets_the_roles_or_all_of_them(
    said: str | None, roles: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is not None:
        monkeypatch.setenv("REALTIME_ROLES", said)
    assert load_sections().roles == roles
