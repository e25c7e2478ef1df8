"""A real Redis that speaks TLS, and a certificate of 127.0.0.1 for it and its clients."""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from parts.ports import free_port
from parts.redis_server import RedisServer


def make_certificate(directory: Path, good_for_days: float = 1) -> tuple[Path, Path]:
    """Write a certificate that is signed by itself, and its key, and return where they are."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis of a test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=good_for_days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return directory / "certificate.pem", directory / "key.pem"


class TlsRedisServer(RedisServer):
    """A Redis that speaks TLS, and asks its clients for certificates, on a second port."""

    def __init__(self, directory: Path, certificate: Path, key: Path) -> None:
        self.tls_port = free_port()
        self.tls_url = f"rediss://127.0.0.1:{self.tls_port}/0"
        super().__init__(
            directory,
            *("--tls-port", str(self.tls_port), "--tls-ca-cert-file", str(certificate)),
            *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
        )
