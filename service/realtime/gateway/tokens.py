"""Who is it? Tokens are proven here, for sockets and REST alike."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import TypeAdapter, ValidationError

from realtime.errors import ConfigurationError, TokenExpired, Unauthenticated
from realtime.events.fact import Identifier
from realtime.settings import AuthSettings
from realtime.telemetry.counting import start_at_zero
from realtime.telemetry.metrics import Metrics

ADMIN: Final = "admin"
SERVICE: Final = "service"
MAX_ROLES: Final = 100
# Most have none: one set for all of them, since Python makes a new one each time.
NO_ROLES: Final[frozenset[str]] = frozenset()
# RFC 7518 section 3.3: "A key of size 2048 bits or larger MUST be used".
MIN_RSA_KEY_BITS: Final = 2_048
# The end of the year 9999: an `exp` behind it was not counted in seconds.
MAX_EXPIRES_AT: Final = 253_402_300_799

_user_id = TypeAdapter[str](Identifier)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, until when (Unix time in seconds; infinite in the insecure development mode)."""

    user_id: str
    roles: frozenset[str] = frozenset()
    expires_at: float = math.inf

    @property
    def is_admin(self) -> bool:
        """May see everything."""
        return ADMIN in self.roles

    @property
    def is_service(self) -> bool:
        """May use the REST API; an admin may, too."""
        return SERVICE in self.roles or self.is_admin


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client brought along. `claimed_*` are bare claims, believed only in the insecure development mode."""

    token: str | None = None
    claimed_user_id: str | None = None
    claimed_roles: frozenset[str] = frozenset()


class Rejection(StrEnum):
    """Why a token is not believed; the label of `realtime_token_rejections_total`."""

    MISSING = "missing"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    BAD_SIGNATURE = "bad_signature"
    WRONG_ALGORITHM = "wrong_algorithm"  # not that of this pod's key
    MALFORMED = "malformed"
    WRONG_CLAIMS = "wrong_claims"
    NO_KEY = "no_key"  # this pod has none: the insecure development mode


class TokenVerifier:
    """Believes tokens that are signed with the configured key, and nothing else.

    The algorithm follows from the key (HS256 for a secret, RS256 for RSA, ES256 for P-256), never from the token, so
    `alg: none` and algorithm confusion have no way in (RFC 8725 section 3.1). Raises `ConfigurationError` when the key
    cannot be used.
    """

    def __init__(self, settings: AuthSettings, metrics: Metrics | None = None) -> None:
        """`metrics`: where to count what is not believed."""
        self._settings = settings
        self._rejections = None if metrics is None else metrics.token_rejections
        if self._rejections is not None:
            start_at_zero(self._rejections, Rejection)
        self._key, self._algorithm = _load_key(settings)

    def identify(self, credentials: Credentials) -> Identity:
        """Prove who somebody is. Raises `Unauthenticated` or `TokenExpired`."""
        if credentials.token is not None:
            return self._verify(credentials.token)
        if self._settings.insecure_development_mode and credentials.claimed_user_id is not None:
            return Identity(self._identifier(credentials.claimed_user_id, "userId"), credentials.claimed_roles)
        self._count(Rejection.MISSING)
        raise Unauthenticated("A token is required: as auth.token, as Authorization: Bearer, or as ?token=.")

    def _verify(self, token: str) -> Identity:
        if self._key is None:
            self._count(Rejection.NO_KEY)
            raise Unauthenticated("This server has no key to verify tokens with.")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[self._algorithm],
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                leeway=self._settings.leeway_seconds,
                options={"require": ["exp", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            self._count(Rejection.EXPIRED)
            raise TokenExpired("The token has expired; fetch a new one.") from None
        except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError) as error:
            self._count(_rejection(error))
            # The library's words name the claim that is wrong, never the token; but those of the base class may.
            is_named = isinstance(error, jwt.InvalidTokenError) and type(error) is not jwt.InvalidTokenError
            what = str(error).rstrip(".") if is_named else "it is malformed"
            raise Unauthenticated(f"The token is not valid: {what}.") from None
        roles = claims.get("roles", [])
        if not isinstance(roles, list) or len(roles) > MAX_ROLES or not all(isinstance(role, str) for role in roles):
            self._count(Rejection.WRONG_CLAIMS)
            raise Unauthenticated("The token's roles are not a list of strings.")
        expires_at = int(claims["exp"])  # as the library has read it
        if expires_at > MAX_EXPIRES_AT:
            self._count(Rejection.WRONG_CLAIMS)
            raise Unauthenticated("The token's exp is not in seconds since 1970.")
        return Identity(
            self._identifier(claims["sub"], "sub"), frozenset(roles) if roles else NO_ROLES, float(expires_at)
        )

    def _identifier(self, text: object, name: str) -> str:
        try:
            return _user_id.validate_python(text)
        except ValidationError:
            self._count(Rejection.WRONG_CLAIMS)
            raise Unauthenticated(
                f"{name} must be 1 to 128 characters, none of them white space or control characters."
            ) from None

    def _count(self, rejection: Rejection) -> None:
        if self._rejections is not None:
            self._rejections.labels(rejection).inc()


def _rejection(error: Exception) -> Rejection:
    match error:
        case jwt.InvalidSignatureError():
            return Rejection.BAD_SIGNATURE
        case jwt.InvalidAlgorithmError():
            return Rejection.WRONG_ALGORITHM
        case jwt.ImmatureSignatureError():
            return Rejection.NOT_YET_VALID
        case jwt.DecodeError():
            return Rejection.MALFORMED
        case jwt.InvalidTokenError() if type(error) is not jwt.InvalidTokenError:
            return Rejection.WRONG_CLAIMS
        case _:
            return Rejection.MALFORMED


def _load_key(settings: AuthSettings) -> tuple[str | RSAPublicKey | EllipticCurvePublicKey | None, str]:
    if settings.secret is not None:
        secret = settings.secret.get_secret_value()
        try:
            jwt.get_algorithm_by_name("HS256").prepare_key(secret)
        except jwt.InvalidKeyError:
            raise ConfigurationError(
                "REALTIME_AUTH__SECRET: is a key or certificate, not a secret; "
                "a public key belongs in REALTIME_AUTH__PUBLIC_KEY"
            ) from None
        return secret, "HS256"
    if settings.public_key is not None:
        pem, variable = settings.public_key.get_secret_value().encode(), "REALTIME_AUTH__PUBLIC_KEY"
    elif settings.public_key_file is not None:
        variable = "REALTIME_AUTH__PUBLIC_KEY_FILE"
        try:
            pem = settings.public_key_file.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{variable}: cannot read {settings.public_key_file}: {error.strerror}") from error
    else:
        return None, ""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError(f"{variable}: not a public key in PEM form") from None
    if isinstance(key, RSAPublicKey):
        if key.key_size < MIN_RSA_KEY_BITS:
            raise ConfigurationError(f"{variable}: an RSA key must have at least {MIN_RSA_KEY_BITS} bits")
        return key, "RS256"
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name == "secp256r1":
        return key, "ES256"
    raise ConfigurationError(f"{variable}: must be an RSA key (RS256) or a P-256 key (ES256)")
