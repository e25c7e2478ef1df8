"""Tokens for trying things out; in production they come from whoever signs users in."""

import time
from collections.abc import Iterable

import jwt

from realtime.errors import ConfigurationError
from realtime.gateway.tokens import Credentials, TokenVerifier
from realtime.settings import AuthSettings


def sign_token(auth: AuthSettings, user_id: str, roles: Iterable[str] = (), expires_in_seconds: int = 3_600) -> str:
    """Sign a token that pods with these settings believe.

    Raises `ConfigurationError` where there is no secret to sign with, and `Unauthenticated` for a token that no pod
    would believe: the user's id has a space in it, say.
    """
    if auth.secret is None:
        raise ConfigurationError("REALTIME_AUTH__SECRET: needed to sign a token; a public key can only verify one")
    verifier = TokenVerifier(auth)
    now = int(time.time())
    claims = {"sub": user_id, "roles": list(roles), "iat": now, "exp": now + expires_in_seconds}
    if auth.issuer is not None:
        claims["iss"] = auth.issuer
    if auth.audience is not None:
        claims["aud"] = auth.audience
    token = jwt.encode(claims, auth.secret.get_secret_value(), algorithm="HS256")
    verifier.identify(Credentials(token=token))
    return token
