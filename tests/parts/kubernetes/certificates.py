"""The certificates of a cluster: who everybody is."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# A clock that is a little behind is no reason to fail; a cluster of tests lives for minutes.
_AGO = dt.timedelta(hours=1)
_LIFE = dt.timedelta(days=2)


@dataclass(frozen=True)
class Pair:
    """Files with a certificate and its key, as PEM."""

    certificate: Path
    key: Path


class Authority:
    """One that certificates are believed from. `certificate` is its own, as a file."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"realtime-tests-{directory.name}")
        certificate = (
            _builder(self._name, self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = directory / "ca.crt"
        self.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        self.key = _write_key(directory / "ca.key", self._key)

    def issue(self, user: str, *groups: str, hosts: tuple[str, ...] = ()) -> Pair:
        """Certify a user of these groups, as Kubernetes reads it; with `hosts` (names, addresses) also a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(user, *groups), self._name, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName([_host(host) for host in (*hosts, "localhost")]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        file = self._directory / user.replace(":", "-")
        certificate_file = file.with_suffix(".crt")
        certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
        return Pair(certificate_file, _write_key(file.with_suffix(".key"), key))


def signing_key(directory: Path) -> Pair:
    """Return files with the public and the private key that service accounts' tokens are signed with."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = directory / "service-accounts.pub"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return Pair(public, _write_key(directory / "service-accounts.key", key))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _AGO)
        .not_valid_after(now + _LIFE)
    )


def _name(user: str, *groups: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write_key(file: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file
