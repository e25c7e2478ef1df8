"""When the certificates of this pod expire: before users find out."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog
from cryptography.x509 import load_pem_x509_certificates
from prometheus_client import Gauge

log = structlog.get_logger(__name__)


def note_expiry(gauge: Gauge, chains: Iterable[Path | None], authorities: Iterable[Path | None]) -> None:
    """Set the gauge for each file that is named; a pod goes on with what it has read at its start.

    Of a chain, the first certificate to expire ends its use; of a bundle of authorities only the last, for there may be
    old ones among new ones. A file that cannot be read is told by whoever needs it.
    """
    _note(gauge, chains, min)
    _note(gauge, authorities, max)


def _note(gauge: Gauge, files: Iterable[Path | None], which: Callable[[Iterable[float]], float]) -> None:
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
        gauge.labels(name).set(which(certificate.not_valid_after_utc.timestamp() for certificate in certificates))
