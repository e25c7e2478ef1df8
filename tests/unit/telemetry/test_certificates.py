"""When certificates expire, of whatever files the settings name."""

import datetime as dt
import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from realtime.telemetry.certificates import note_expiry
from realtime.telemetry.exposition import write
from realtime.telemetry.metrics import Metrics
from unit.counts import count

NOW = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)


def certificate(days: int) -> bytes:
    """One that signs itself, and expires in so many days."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pod")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(days=400))
        .not_valid_after(NOW + dt.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def in_days(days: int) -> float:
    return (NOW + dt.timedelta(days=days)).timestamp()


def test_of_a_chain_the_first_to_expire_counts_and_of_authorities_the_last(tmp_path: Path, metrics: Metrics) -> None:
    file = tmp_path / "several.pem"
    file.write_bytes(certificate(30) + certificate(10) + certificate(20))
    note_expiry(metrics.certificate_expiry, [file, None], [])
    assert count(metrics.certificate_expiry, file=str(file)) == in_days(10)
    note_expiry(metrics.certificate_expiry, [], [None, file])
    assert count(metrics.certificate_expiry, file=str(file)) == in_days(30)


def test_one_that_has_expired_is_told_as_such(tmp_path: Path, metrics: Metrics) -> None:
    file = tmp_path / "old.pem"
    file.write_bytes(certificate(-5))
    note_expiry(metrics.certificate_expiry, [file], [])
    assert count(metrics.certificate_expiry, file=str(file)) == in_days(-5)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_cannot_be_read_stops_nothing_and_is_told(
    tmp_path: Path, metrics: Metrics, content: bytes | None, logs: list[MutableMapping[str, Any]]
) -> None:
    file = tmp_path / "broken.pem"
    if content is not None:
        file.write_bytes(content)
    good = tmp_path / "good.pem"
    good.write_bytes(certificate(1))
    note_expiry(metrics.certificate_expiry, [file, good], [])
    assert [entry["event"] for entry in logs] == ["certificate_unreadable"]
    (family,) = metrics.certificate_expiry.collect()
    assert [sample.labels["file"] for sample in family.samples] == [str(good)]


def test_a_file_may_have_any_name(tmp_path: Path, metrics: Metrics) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b'/a"b\nc\xff.pem'))
    file.write_bytes(certificate(1))
    note_expiry(metrics.certificate_expiry, [file], [])
    content, _ = write(metrics.registry, "")
    assert rb"/a\"b\nc" + "\N{REPLACEMENT CHARACTER}".encode() + b'.pem"}' in content
