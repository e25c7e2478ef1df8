"""Secrets wherever they stand, and how they are written by URLs, headers, JSON and Python."""

import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from parts.tokens import Issuer
from realtime.settings import AuthSettings, KafkaSettings, RedisSettings, Settings, TracingSettings, secrets_of
from realtime.telemetry.redaction import Redaction, is_named_as_secret

JWT = Issuer.hs256().token("u-42")
WORD = "hunter2-S3cr3t"
# A neighbour on the machine may double it; what grows with the square of a length takes minutes.
SECONDS = 1.0


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"the token {JWT} was refused", JWT),
        (f"x{JWT}", JWT),
        (JWT.rpartition(".")[0], JWT.split(".")[1]),
        (f"GET /socket.io/?EIO=4&token={WORD}&transport=polling", WORD),
        (f"GET /x?access_token%3D{WORD}", WORD),
        (f"Authorization: Bearer {WORD}", WORD),
        (f"authorization: Basic {WORD}=", WORD),
        (f"(b'authorization', b'Bearer {WORD}')", WORD),
        (f"[('Authorization', 'Bearer {WORD}')]", WORD),
        (json.dumps({"Authorization": f"Bearer {WORD}"}), WORD),
        (f"bearer {WORD}", WORD),
        (f"X-Api-Key: {WORD}", WORD),
        (f"Cookie: a=1; session={WORD}; b=2", WORD),
        (f"connecting to redis://:{WORD}@redis:6379/0", WORD),
        (f"rediss+sentinel://user:{WORD}@a,b,c/main", WORD),
        (f"https://{WORD}@sentry.example/42", WORD),
        (f"redis://user:p@{WORD}@host", WORD),
        (f"sasl_plain_password='{WORD}', x=1", WORD),
        (f"SASL_PASSWORD={WORD}", WORD),
        (f'sasl.jaas: password="{WORD} {WORD}" x', WORD),
        (json.dumps({"password": WORD}), WORD),
        (json.dumps(json.dumps({"password": WORD})), WORD),
        (json.dumps({"auth": {"token": f'a"{WORD}'}}), WORD),
        (f"{{'client_secret': '{WORD}'}}", WORD),
        (f"('token', '{WORD}')", WORD),
        (f"token = {WORD}", WORD),
        (f"token: {WORD}", WORD),
        (f"-----BEGIN RSA PRIVATE KEY-----\nMII{WORD}\n-----END RSA PRIVATE KEY-----", WORD),
        (f"-----BEGIN PRIVATE KEY-----\nMII{WORD}", WORD),
    ],
)
def test_what_is_written_as_a_secret_is_hidden(text: str, secret: str) -> None:
    hidden = Redaction()(text)
    assert secret not in hidden
    assert "***" in hidden


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The token has expired; fetch a new one.",
        "order.updated:3:4711",
        "redis://127.0.0.1:6379/0",
        "tokens=5 and 3 passwords",
        "connection to kafka-7.internal:9092 refused",
        "bearer of news",
    ],
)
def test_what_is_no_secret_is_told(text: str) -> None:
    assert Redaction()(text) == text


def test_what_is_known_to_be_secret_is_hidden_wherever_it_stands() -> None:
    settings = Settings(
        auth=AuthSettings(secret=SecretStr("x y/z" * 10)),
        redis=RedisSettings(url=SecretStr("redis://user:pa%20ss-word@h:6379/0")),
        kafka=KafkaSettings(
            security_protocol="SASL_SSL", sasl_username="realtime", sasl_password=SecretStr("kafka+password")
        ),
        tracing=TracingSettings(headers=SecretStr("api-key=collectors-key,x=y")),
    )
    redact = Redaction(secrets_of(settings))
    for secret in ("x y/z" * 10, quote("x y/z" * 10, safe=""), "pa%20ss-word", "pa ss-word", "kafka+password", "collectors-key"):  # fmt: skip
        assert redact(f"before{secret}after") == "before***after"
    for harmless in ("redis://h:6379/0", "realtime", "y"):
        assert redact(harmless) == harmless


def test_a_public_key_and_an_address_without_a_password_are_no_secrets() -> None:
    key = Issuer.rs256().verification_key
    settings = Settings(auth=AuthSettings(public_key=SecretStr(key)))
    assert list(secrets_of(settings)) == []


@pytest.mark.parametrize("name", ["token", "authToken", "PASSWORD", "sasl_password", "api_key", "Authorization", "secret", "dsn"])  # fmt: skip
def test_some_names_say_that_they_are_of_secrets(name: str) -> None:
    assert is_named_as_secret(name)


@pytest.mark.parametrize("name", ["tokens", "topic", "key", "error", "secrets_found", "user_id"])
def test_others_do_not(name: str) -> None:
    assert not is_named_as_secret(name)


@pytest.mark.parametrize(
    "piece", ["eyJ", "a://", "://", "token", "token=", "token='", 'token="\\', "authorization:", "cookie:  ", "bearer ", "-----BEGIN PRIVATE KEY-----", "a@", "aaaa", "\\\\", "password ", "'token', "]
)  # fmt: skip
def test_no_text_takes_long(piece: str) -> None:
    began = time.thread_time()
    Redaction([WORD])(piece * (100_000 // len(piece)))
    assert time.thread_time() - began < SECONDS


@given(st.text())
def test_any_text_can_be_looked_through(text: str) -> None:
    assert WORD not in Redaction([WORD])(text + WORD)


def test_what_might_be_a_long_scheme_takes_no_time() -> None:
    began = time.thread_time()
    Redaction()("a" * 1_000_000 + "://")
    assert time.thread_time() - began < 1.0
