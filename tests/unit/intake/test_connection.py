"""How Kafka's clients are told to connect."""

from typing import Any

import pytest

from realtime.intake.connection import _common
from realtime.settings import KafkaSettings


def options(**settings: Any) -> dict[str, Any]:
    return _common(KafkaSettings(**settings), "realtime-pod-1")


def test_a_plain_connection_names_its_servers_and_itself() -> None:
    assert options(bootstrap_servers="a:9092,b:9092", request_timeout_seconds=1.5) == {
        "bootstrap_servers": "a:9092,b:9092",
        "client_id": "realtime-pod-1",
        "request_timeout_ms": 1_500,
        "security_protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_tls_proves_the_server(protocol: str) -> None:
    context = options(security_protocol=protocol, sasl_username="u", sasl_password="p")["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"


def test_sasl_takes_its_mechanism_and_credentials_along() -> None:
    given = options(
        security_protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN", sasl_username="u", sasl_password="hunter2"
    )
    assert {key: value for key, value in given.items() if key.startswith("sasl")} == {
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "u",
        "sasl_plain_password": "hunter2",
    }
    assert "ssl_context" not in given
