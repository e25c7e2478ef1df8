"""Certificates that the settings name: whether they can be used, and until when."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from realtime.doctor.certificates import NamedCertificate, look_at_certificate, named_certificates
from realtime.doctor.finding import Status
from realtime.settings import HttpSettings, RedisSettings

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def write_certificate(directory: Path, days: float) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.test")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=400))
        .not_valid_after(NOW + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    files = directory / f"{days}.pem", directory / f"{days}.key"
    files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


@pytest.mark.parametrize(("days", "status"), [(90, Status.OK), (3, Status.WARN), (-1, Status.FAIL)])
def test_one_that_ends_soon_is_found(days: float, status: Status, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path, days)
    assert look_at_certificate(NamedCertificate("X", certificate, key), NOW).status is status


def test_of_a_chain_the_first_to_expire_counts_and_of_authorities_the_last(tmp_path: Path) -> None:
    renewed, expired = write_certificate(tmp_path, 400)[0], write_certificate(tmp_path, -1)[0]
    several = tmp_path / "several.pem"
    several.write_bytes(renewed.read_bytes() + expired.read_bytes())
    chain, authorities = (NamedCertificate("X", several, None, are_authorities) for are_authorities in (False, True))
    assert look_at_certificate(chain, NOW).status is Status.FAIL
    assert look_at_certificate(authorities, NOW).status is Status.OK


def test_one_that_cannot_be_used_is_found(tmp_path: Path) -> None:
    certificate, _ = write_certificate(tmp_path, 90)
    _, other_key = write_certificate(tmp_path, 91)
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("none")
    for wrong in ((certificate, other_key), (garbage, None), (tmp_path / "nowhere.pem", None)):
        finding = look_at_certificate(NamedCertificate("X", *wrong), NOW)
        assert finding.status is Status.FAIL
        assert str(wrong[0]) in finding.mend


def test_all_that_the_settings_name_are_looked_at(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path, 90)
    http = HttpSettings(tls_certificate_file=certificate, tls_key_file=key)
    redis = RedisSettings(url="rediss://r", ssl_ca_file=certificate)
    assert list(named_certificates(http, None, redis)) == [
        NamedCertificate("REALTIME_HTTP__TLS_CERTIFICATE_FILE", certificate, key),
        NamedCertificate("REALTIME_REDIS__SSL_CA_FILE", certificate, None, are_authorities=True),
    ]
