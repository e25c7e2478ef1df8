"""Tokens as the shop's accounts would sign them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import jwt

# A run outlasts no token.
TOKEN_SECONDS: Final = 7 * 24 * 3_600
SECRET_MIN_BYTES: Final = 32


class BadSettings(Exception):
    """What a person gave us is wrong; the message says what to do."""


@dataclass(frozen=True)
class Signer:
    """Signs with a secret (HS256) or a private key (RS256, ES256)."""

    key: str
    algorithm: str
    more: Mapping[str, str]

    @classmethod
    def of(cls, secret: str, key_file: str, algorithm: str, issuer: str, audience: str) -> Self:
        """Read what the command line says. Raises `BadSettings`."""
        if bool(secret) == bool(key_file):
            raise BadSettings(
                "give one of --auth-secret (or SWARM_AUTH_SECRET; the pods' REALTIME_AUTH__SECRET) and --auth-key-file"
            )
        if secret and len(secret.encode()) < SECRET_MIN_BYTES:
            raise BadSettings(f"--auth-secret is shorter than {SECRET_MIN_BYTES} bytes: no pod takes such a one")
        more = {name: value for name, value in (("iss", issuer), ("aud", audience)) if value}
        if secret:
            return cls(secret, "HS256", more)
        try:
            signer = cls(Path(key_file).read_text(), algorithm, more)
            signer.token("nobody")
        except (OSError, ValueError, TypeError, jwt.PyJWTError) as error:
            raise BadSettings(f"--auth-key-file {key_file}: no private key for {algorithm}: {error}") from None
        return signer

    def token(self, user: str, *roles: str) -> str:
        """Sign one."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "sub": user,
            "roles": list(roles),
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            **self.more,
        }
        return jwt.encode(claims, self.key, self.algorithm)
