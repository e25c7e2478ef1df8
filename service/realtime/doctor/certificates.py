"""Certificates and keys that the settings name: whether they can be used, and until when."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from realtime.doctor.finding import SETTINGS, Finding
from realtime.doctor.looking import describe
from realtime.settings import HttpSettings, KafkaSettings, RedisSettings
from realtime.telemetry.certificates import expiry

SOON_DAYS: Final = 14


@dataclass(frozen=True, slots=True)
class NamedCertificate:
    """A file that the settings name: the variable that does, and the key's that belongs to it."""

    variable: str
    certificate: Path
    key: Path | None
    are_authorities: bool = False  # a bundle of those to trust, and no chain


def named_certificates(
    http: HttpSettings | None, kafka: KafkaSettings | None, redis: RedisSettings | None
) -> Iterator[NamedCertificate]:
    """Each certificate file that the settings name."""
    if http is not None and http.tls_certificate_file is not None:
        yield NamedCertificate("REALTIME_HTTP__TLS_CERTIFICATE_FILE", http.tls_certificate_file, http.tls_key_file)
    for name, section in (("KAFKA", kafka), ("REDIS", redis)):
        if section is None:
            continue
        if section.ssl_ca_file is not None:
            yield NamedCertificate(f"REALTIME_{name}__SSL_CA_FILE", section.ssl_ca_file, None, are_authorities=True)
        if section.ssl_certificate_file is not None:
            variable = f"REALTIME_{name}__SSL_CERTIFICATE_FILE"
            yield NamedCertificate(variable, section.ssl_certificate_file, section.ssl_key_file)


def look_at_certificate(named: NamedCertificate, now: datetime) -> Finding:
    """Read a file, and its key where it has one."""
    try:
        all_in_file = x509.load_pem_x509_certificates(named.certificate.read_bytes())
        if named.key is not None:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(named.certificate, named.key)
    except (OSError, ValueError) as error:
        mend = f"openssl x509 -in {named.certificate} -noout -text"
        return SETTINGS.fail(named.variable, f"cannot be used: {describe(error)}", mend)
    return judge_expiry(named.variable, expiry(all_in_file, are_authorities=named.are_authorities), now)


def judge_expiry(variable: str, expires_at: datetime, now: datetime) -> Finding:
    """Whether a certificate is good, and long enough to renew it in time; pure."""
    days = (expires_at - now.astimezone(UTC)).total_seconds() / 86_400
    mend = "renew it, and restart the pods one after the other"
    if days < 0:
        return SETTINGS.fail(variable, f"expired {expires_at:%Y-%m-%d %H:%M} UTC", mend)
    if days < SOON_DAYS:
        return SETTINGS.warn(variable, f"expires in {days:.1f} days", mend)
    return SETTINGS.ok(variable, f"expires in {days:.0f} days")
