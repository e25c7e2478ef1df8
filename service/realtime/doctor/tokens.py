"""Whether pods with these settings know whom to believe."""

import time
from typing import Final

import jwt

from realtime.doctor.finding import TOKENS, Finding
from realtime.errors import ConfigurationError, RealtimeError
from realtime.gateway.tokens import Credentials, TokenVerifier
from realtime.settings import AuthSettings, HttpSettings

# A random secret of 32 bytes, however it is written, has far more different characters.
DIFFERENT_CHARACTERS: Final = 12
HOW_TO_MAKE_ONE: Final = "openssl rand -base64 48"
LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}
# Nobody's: it says who tries.
TEST_USER: Final = "realtime-doctor"


def look_at_tokens(auth: AuthSettings, http: HttpSettings | None) -> list[Finding]:
    """Load the key, and try a token of our own where there is a secret to sign it with."""
    findings = []
    if auth.insecure_development_mode:
        findings.append(_judge_insecure(http))
    try:
        verifier = TokenVerifier(auth)
    except ConfigurationError as error:
        variable, _, problem = str(error).partition(": ")
        return [
            *findings,
            TOKENS.fail("key", f"{variable}: {problem}", f"set {variable}; openssl pkey -pubin -in <file>"),
        ]
    if auth.secret is not None:
        findings.append(_judge_secret(auth.secret.get_secret_value()))
        findings.append(_try_token(auth, auth.secret.get_secret_value(), verifier))
    elif auth.public_key is not None or auth.public_key_file is not None:
        findings.append(TOKENS.ok("key", "a public key that can be used; only its owner can sign a token to try"))
    return [*findings, *_judge_claims(auth)]


def _judge_insecure(http: HttpSettings | None) -> Finding:
    told = "INSECURE DEVELOPMENT MODE: anybody may claim to be anybody, an admin too"
    mend = "unset REALTIME_AUTH__INSECURE_DEVELOPMENT_MODE"
    if http is not None and http.host in LOOPBACK:
        return TOKENS.warn("identity", f"{told}; this machine alone can connect", mend)
    return TOKENS.fail("identity", told, mend)


def _judge_secret(secret: str) -> Finding:
    size = len(secret.encode())
    if len(set(secret)) < DIFFERENT_CHARACTERS:
        return TOKENS.warn("key", f"a secret of {size} bytes, but it looks as if it could be guessed", HOW_TO_MAKE_ONE)
    return TOKENS.ok("key", f"HS256, a secret of {size} bytes")


def _try_token(auth: AuthSettings, secret: str, verifier: TokenVerifier) -> Finding:
    now = int(time.time())
    claims = {"sub": TEST_USER, "iat": now, "exp": now + 60, "iss": auth.issuer, "aud": auth.audience}
    token = jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, "HS256")
    try:
        verifier.identify(Credentials(token=token))
    except RealtimeError as error:
        return TOKENS.fail(
            "token", f"one that we signed ourselves is refused: {error}", "set the clock right; timedatectl"
        )
    return TOKENS.ok("token", "one that we signed ourselves is believed")


def _judge_claims(auth: AuthSettings) -> list[Finding]:
    findings = []
    if auth.issuer is None:
        told = "not checked: a token that the same key signed for something else is believed"
        findings.append(TOKENS.warn("issuer", told, "REALTIME_AUTH__ISSUER=<what `iss` says>"))
    else:
        findings.append(TOKENS.ok("issuer", auth.issuer))
    if auth.audience is None:
        told = "none: tokens that have an `aud` are refused, and those without are for everybody"
        findings.append(TOKENS.warn("audience", told, "REALTIME_AUTH__AUDIENCE=realtime, and `aud` in the tokens"))
    else:
        findings.append(TOKENS.ok("audience", auth.audience))
    return findings
