"""Tokens for tests: good ones of every kind that is accepted, and hostile ones."""

import hmac
import time
from dataclasses import dataclass
from functools import cache
from typing import Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.utils import base64url_encode

MALFORMED = (
    "",
    "x",
    "a.b",
    "a.b.c",
    "a.b.c.d",
    "eyJhbGciOiJIUzI1NiJ9..",
    "\N{SNOWMAN}.\N{SNOWMAN}.\N{SNOWMAN}",
)


@dataclass(frozen=True)
class Issuer:
    """Someone who signs tokens: `Issuer.hs256()`, `.rs256()` or `.es256()`."""

    algorithm: str
    signing_key: str
    verification_key: str
    """What a pod is given: the shared secret of HS256, else the public key as PEM."""
    name: str = "https://accounts.shop.test"
    audience: str = "realtime"

    @classmethod
    def hs256(cls, secret: str = "a secret of the tests, of more than 32 bytes") -> Self:
        return cls("HS256", secret, secret)

    @classmethod
    def rs256(cls) -> Self:
        return cls("RS256", *_rsa_pair())

    @classmethod
    def es256(cls) -> Self:
        return cls("ES256", *_ec_pair())

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a pod that believes this issuer."""
        return {
            f"REALTIME_AUTH__{'SECRET' if self.algorithm == 'HS256' else 'PUBLIC_KEY'}": self.verification_key,
            "REALTIME_AUTH__ISSUER": self.name,
            "REALTIME_AUTH__AUDIENCE": self.audience,
        }

    def token(self, sub: object, *roles: str, expires_in_seconds: float = 3600, **claims: object) -> str:
        """Sign a token; a claim given by name replaces what it would be, and None leaves it out."""
        now = time.time()
        told = {
            "sub": sub,
            "roles": list(roles),
            "iss": self.name,
            "aud": self.audience,
            "iat": int(now),
            "exp": int(now + expires_in_seconds),
        }
        present = {name: value for name, value in (told | claims).items() if value is not None}
        return jwt.encode(present, self.signing_key, self.algorithm)

    def expired(self, sub: str, *roles: str) -> str:
        """Sign a token that ran out an hour ago, well beyond any leeway."""
        return self.token(sub, *roles, expires_in_seconds=-3600)

    def unsigned(self, sub: str, *roles: str) -> str:
        """Forge a token with `alg: none`: right claims and no signature."""
        claims = jwt.decode(self.token(sub, *roles), options={"verify_signature": False})
        return jwt.encode(claims, key="", algorithm="none")

    def tampered(self, sub: str, *roles: str, claimed: str = "admin") -> str:
        """Forge a token that claims a role more than was signed for."""
        header, _, signature = self.token(sub, *roles).split(".")
        return ".".join((header, self.token(sub, *roles, claimed).split(".")[1], signature))

    def confused(self, sub: str, *roles: str) -> str:
        """Forge a token with the public key for an HS256 secret, which a careless pod would check it with."""
        header = base64url_encode(b'{"alg":"HS256","typ":"JWT"}')
        signed = header + b"." + self.token(sub, *roles).split(".")[1].encode()
        # By hand: PyJWT refuses to sign so.
        signature = hmac.digest(self.verification_key.encode(), signed, "sha256")
        return (signed + b"." + base64url_encode(signature)).decode()


@cache
def _rsa_pair() -> tuple[str, str]:
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


@cache
def _ec_pair() -> tuple[str, str]:
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> tuple[str, str]:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
