"""When the certificates of this pod expire: before users find out."""

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import structlog
from cryptography.x509 import Certificate, load_pem_x509_certificates
from prometheus_client import Gauge

log = structlog.get_logger(__name__)


def note_expiry(gauge: Gauge, chains: Iterable[Path | None], authorities: Iterable[Path | None]) -> None:
    """Set the gauge for each file that is named; a pod goes on with what it has read at its start.

    A file that cannot be read is told by whoever needs it.
    """
    _note(gauge, chains, are_authorities=False)
    _note(gauge, authorities, are_authorities=True)


def expiry(certificates: Iterable[Certificate], *, are_authorities: bool) -> datetime:
    """When a file of certificates is of no use any more.

    Of a chain, the first certificate to expire ends its use; of a bundle of authorities only the last, for there may be
    old ones among new ones.
    """
    return (max if are_authorities else min)(certificate.not_valid_after_utc for certificate in certificates)


def _note(gauge: Gauge, files: Iterable[Path | None], *, are_authorities: bool) -> None:
    for file in files:
        if file is None:
            continue
        try:
            certificates = load_pem_x509_certificates(file.read_bytes())
        except (OSError, ValueError) as error:
            log.warning("certificate_unreadable", file=str(file), error=str(error))
            continue
        # A path may hold bytes that are no text; Prometheus takes nothing else.
        name = os.fsencode(file).decode("utf-8", "replace")
        gauge.labels(name).set(expiry(certificates, are_authorities=are_authorities).timestamp())
