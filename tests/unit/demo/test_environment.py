"""The settings of the demo's pods: the user's where they may decide, the demo's where it must."""

import os

import pytest

from realtime.demo.environment import DemoEnvironment, make_environment, pod_variables
from realtime.settings import Settings, load_settings

KAFKA, REDIS = 20_001, 20_002


def make(**environ: str) -> DemoEnvironment:
    return make_environment(environ, KAFKA, REDIS)


def settings_of(environment: DemoEnvironment, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in pod_variables(environment.variables, "pod-1", 20_003).items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_a_pod_starts_with_what_the_demo_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(make(), monkeypatch)
    assert settings.kafka.bootstrap_servers == "127.0.0.1:20001"
    assert settings.redis.url.get_secret_value() == "redis://127.0.0.1:20002/0"
    assert (settings.http.host, settings.http.port, settings.pod.name) == ("127.0.0.1", 20_003, "pod-1")


def test_kafka_and_redis_are_embedded_unless_the_user_names_their_own() -> None:
    both = make()
    assert (both.kafka_port, both.redis_port) == (KAFKA, REDIS)
    own = make(REALTIME_KAFKA__BOOTSTRAP_SERVERS="kafka:9092", REALTIME_REDIS__URL="rediss://redis")
    assert (own.kafka_port, own.redis_port) == (None, None)
    assert own.variables["REALTIME_KAFKA__BOOTSTRAP_SERVERS"] == "kafka:9092"
    assert own.variables["REALTIME_REDIS__URL"] == "rediss://redis"


def test_names_in_lower_case_count_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = make(realtime_redis__url="redis://redis:1/0")
    assert environment.redis_port is None
    assert settings_of(environment, monkeypatch).redis.url.get_secret_value() == "redis://redis:1/0"


def test_each_run_has_a_secret_a_group_and_keys_of_its_own() -> None:
    one, other = make(), make()
    for name in ("REALTIME_AUTH__SECRET", "REALTIME_KAFKA__GROUP_ID", "REALTIME_REDIS__KEY_PREFIX"):
        assert one.variables[name] != other.variables[name]
    assert one.owns_group
    assert one.owns_keys


def test_a_group_and_keys_that_the_user_names_are_the_users() -> None:
    named = make(REALTIME_KAFKA__GROUP_ID="mine", REALTIME_REDIS__KEY_PREFIX="mine")
    assert named.variables["REALTIME_KAFKA__GROUP_ID"] == named.variables["REALTIME_REDIS__KEY_PREFIX"] == "mine"
    assert not named.owns_group
    assert not named.owns_keys


def test_the_users_other_settings_pass_on_and_win_over_suggestions() -> None:
    variables = make(
        PATH="/bin",
        REALTIME_SOCKETS__PING_INTERVAL_SECONDS="5",
        REALTIME_KAFKA__SESSION_TIMEOUT_SECONDS="20",
        REALTIME_LOG__LEVEL="debug",
    ).variables
    assert variables["PATH"] == "/bin"
    assert variables["REALTIME_SOCKETS__PING_INTERVAL_SECONDS"] == "5"
    assert variables["REALTIME_KAFKA__SESSION_TIMEOUT_SECONDS"] == "20"
    assert variables["REALTIME_LOG__LEVEL"] == "debug"


def test_a_users_own_keys_and_places_do_not_reach_the_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = make(
        REALTIME_AUTH__SECRET="x" * 40,
        REALTIME_AUTH__PUBLIC_KEY="a key",
        REALTIME_AUTH__INSECURE_DEVELOPMENT_MODE="true",
        REALTIME_HTTP__HOST="0.0.0.0",
        REALTIME_HTTP__PORT="3009",
        REALTIME_ROLES="sockets",
        REALTIME_POD__NAME="mine",
    )
    settings = settings_of(environment, monkeypatch)
    assert settings.auth.secret is not None
    assert settings.auth.secret.get_secret_value() != "x" * 40
    assert settings.auth.public_key is None
    assert not settings.auth.insecure_development_mode
    assert settings.http.host == "127.0.0.1"
    assert len(settings.roles) == 2


def test_only_the_embedded_broker_is_asked_for_news_in_short_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    default = make(REALTIME_KAFKA__BOOTSTRAP_SERVERS="kafka:9092").variables
    assert "REALTIME_KAFKA__FETCH_WAIT_SECONDS" not in default
    assert settings_of(make(), monkeypatch).kafka.fetch_wait_seconds < 0.1


def test_the_users_environment_is_left_as_it_is() -> None:
    before = dict(os.environ)
    make_environment(os.environ, KAFKA, REDIS)
    assert dict(os.environ) == before
