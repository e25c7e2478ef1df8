"""Who is believed, who is not, and what each is told."""

import functools
import json
import math
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode

from parts.tokens import MALFORMED, Issuer
from realtime.errors import ConfigurationError, TokenExpired, Unauthenticated
from realtime.gateway.tokens import MAX_EXPIRES_AT, MAX_ROLES, Credentials, Identity, Rejection, TokenVerifier
from realtime.settings import AuthSettings
from realtime.telemetry.metrics import Metrics
from unit.counts import count

HS256, RS256, ES256 = Issuer.hs256(), Issuer.rs256(), Issuer.es256()


def settings_for(issuer: Issuer, /, **more: Any) -> AuthSettings:
    key = "secret" if issuer.algorithm == "HS256" else "public_key"
    expected = {key: issuer.verification_key, "issuer": issuer.name, "audience": issuer.audience, "leeway_seconds": 5}
    return AuthSettings(**expected | more)


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier(settings_for(HS256))


def identify(verifier: TokenVerifier, token: str) -> Identity:
    return verifier.identify(Credentials(token=token))


@functools.cache
def verifier_of(issuer: Issuer) -> TokenVerifier:
    return TokenVerifier(settings_for(issuer))


@functools.cache
def good_token(issuer: Issuer) -> str:
    """A token to forge others from; signing takes a while."""
    return issuer.token("u-42")


def refusal(verifier: TokenVerifier, token: str) -> str:
    """The words in which a token is refused; no part of it is among them."""
    with pytest.raises(Unauthenticated) as refused:
        identify(verifier, token)
    words = str(refused.value)
    assert not any(part in words for part in token.split(".") if len(part) > 6)
    assert refused.value.__cause__ is None
    assert words.endswith(".")
    assert not words.endswith("..")
    return words


# -- who is believed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("issuer", [HS256, RS256, ES256], ids=lambda issuer: issuer.algorithm)
def test_a_token_that_is_signed_with_the_key_is_believed(issuer: Issuer) -> None:
    identity = identify(TokenVerifier(settings_for(issuer)), issuer.token("u-42", "admin", "buyer"))
    assert (identity.user_id, identity.roles) == ("u-42", {"admin", "buyer"})
    assert identity.expires_at == pytest.approx(time.time() + 3_600, abs=5)


def test_a_key_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(ES256.verification_key)
    verifier = TokenVerifier(settings_for(ES256, public_key=None, public_key_file=path))
    assert identify(verifier, ES256.token("u-42")).user_id == "u-42"


def test_a_token_without_roles_has_none(verifier: TokenVerifier) -> None:
    identity = identify(verifier, HS256.token("u-42", roles=None))
    assert (identity.roles, identity.is_admin, identity.is_service) == (frozenset(), False, False)


@pytest.mark.parametrize(
    ("roles", "is_admin", "is_service"),
    [(["admin"], True, True), (["service"], False, True), (["Admin", "administrator", "admin "], False, False)],
)
def test_roles_are_exactly_those_that_are_named(
    verifier: TokenVerifier, roles: list[str], is_admin: bool, is_service: bool
) -> None:
    identity = identify(verifier, HS256.token("u-42", *roles))
    assert (identity.is_admin, identity.is_service) == (is_admin, is_service)


def test_an_audience_may_be_one_of_several(verifier: TokenVerifier) -> None:
    assert identify(verifier, HS256.token("u-42", aud=["other", "realtime"])).user_id == "u-42"


def test_what_is_not_set_is_not_checked() -> None:
    verifier = TokenVerifier(settings_for(HS256, issuer=None, audience=None))
    assert identify(verifier, HS256.token("u-42", iss="anybody", aud=None)).user_id == "u-42"


@pytest.mark.parametrize("claims", [{"expires_in_seconds": -3}, {"nbf": int(time.time()) + 3}])
def test_a_clock_that_is_a_little_off_is_forgiven(verifier: TokenVerifier, claims: dict[str, Any]) -> None:
    assert identify(verifier, HS256.token("u-42", **claims)).user_id == "u-42"


@pytest.mark.parametrize("sub", ["u", "x" * 128, "auth0|5f7c8ec7c33c6c004bbafe82", "käse@shop.example"])
def test_any_name_without_white_space_is_one(verifier: TokenVerifier, sub: str) -> None:
    assert identify(verifier, HS256.token(sub)).user_id == sub


# -- who is not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token", [*MALFORMED, ".".join("x" * 400_000 for _ in range(3)), "\ud800.a.b", "a.b.c\n", "\x00"]
)
@pytest.mark.parametrize("issuer", [HS256, RS256], ids=lambda issuer: issuer.algorithm)
def test_what_is_no_token_is_refused(issuer: Issuer, token: str) -> None:
    assert refusal(TokenVerifier(settings_for(issuer)), token).startswith("The token is not valid: ")


def test_an_expired_token_is_refused_as_one_that_was_good_once(verifier: TokenVerifier) -> None:
    with pytest.raises(TokenExpired, match="The token has expired; fetch a new one") as refused:
        identify(verifier, HS256.expired("u-42"))
    assert refused.value.retryable


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"nbf": 20_000_000_000}, "not yet valid"),
        ({"iat": 20_000_000_000}, "not yet valid"),
        ({"aud": "another"}, "Audience doesn't match"),
        ({"aud": ["a", "b"]}, "Audience doesn't match"),
        ({"aud": None}, "missing"),
        ({"iss": "https://accounts.evil.test"}, "Invalid issuer"),
        ({"iss": None}, "missing"),
        ({"exp": None}, "missing"),
        ({"exp": "soon"}, "Expiration Time"),
        ({"exp": math.nan}, "Expiration Time"),
        ({"exp": math.inf}, "Expiration Time"),
        ({"nbf": math.inf}, "Not Before"),
        ({"sub": None}, "missing"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_token_with_a_wrong_claim_is_refused_by_the_claims_name(
    verifier: TokenVerifier, claims: dict[str, Any], words: str
) -> None:
    signed = HS256.token("u-42", **claims) if "sub" not in claims else HS256.token(None)
    assert words in refusal(verifier, signed)


@pytest.mark.parametrize("expires_at", [MAX_EXPIRES_AT + 1, 1_795_428_000_000, 10**400])
def test_a_token_whose_exp_is_not_in_seconds_is_refused(verifier: TokenVerifier, expires_at: int) -> None:
    assert refusal(verifier, HS256.token("u-42", exp=expires_at)) == "The token's exp is not in seconds since 1970."


def test_a_token_for_an_audience_is_refused_where_none_is_set() -> None:
    assert "audience" in refusal(TokenVerifier(settings_for(HS256, audience=None)), HS256.token("u-42"))


@pytest.mark.parametrize("sub", ["", " ", "a b", "a\n", "\x00", "x" * 129, "\ud800"])
def test_a_sub_that_cannot_name_a_room_is_refused(verifier: TokenVerifier, sub: str) -> None:
    assert refusal(verifier, HS256.token(sub)).startswith("sub must be 1 to 128 characters")


@pytest.mark.parametrize("sub", [42, True, ["u-42"], {"id": "u-42"}, 1.5])
def test_a_sub_that_is_no_text_is_refused(verifier: TokenVerifier, sub: object) -> None:
    assert "Subject must be a string" in refusal(verifier, HS256.token(sub))


@pytest.mark.parametrize(
    "roles", ["admin", {"admin": True}, [["admin"]], ["buyer", 1], [None], 5, ["x"] * (MAX_ROLES + 1)]
)
def test_roles_that_are_no_list_of_texts_are_refused(verifier: TokenVerifier, roles: object) -> None:
    assert refusal(verifier, HS256.token("u-42", roles=roles)) == "The token's roles are not a list of strings."


@pytest.mark.parametrize("issuer", [HS256, RS256, ES256], ids=lambda issuer: issuer.algorithm)
class TestForgeries:
    def test_an_unsigned_token_is_refused(self, issuer: Issuer) -> None:
        assert "alg value is not allowed" in refusal(verifier_of(issuer), issuer.unsigned("u-42"))

    @pytest.mark.parametrize("algorithm", ["None", "NONE", "nOnE", "", "hs256", "HS384", None, 5, ["HS256"], {}])
    def test_a_token_of_an_algorithm_that_was_not_set_is_refused(self, issuer: Issuer, algorithm: object) -> None:
        header = base64url_encode(json.dumps({"typ": "JWT", "alg": algorithm}).encode()).decode()
        _, claims, signature = good_token(issuer).split(".")
        for end in (signature, ""):
            refusal(verifier_of(issuer), f"{header}.{claims}.{end}")

    def test_a_token_with_a_role_added_is_refused(self, issuer: Issuer) -> None:
        words = refusal(verifier_of(issuer), issuer.tampered("u-42"))
        assert words == "The token is not valid: Signature verification failed."

    def test_a_token_without_its_signature_is_refused(self, issuer: Issuer) -> None:
        refusal(verifier_of(issuer), good_token(issuer).rpartition(".")[0] + ".")

    def test_a_token_that_asks_for_something_unheard_of_is_refused_without_an_echo(self, issuer: Issuer) -> None:
        header = {"crit": ["a-secret-wish"], "a-secret-wish": True}
        token = jwt.encode({"sub": "u-42", "exp": time.time() + 60}, issuer.signing_key, issuer.algorithm, header)
        assert refusal(verifier_of(issuer), token) == "The token is not valid: it is malformed."

    def test_a_token_that_brings_its_own_key_is_refused(self, issuer: Issuer) -> None:
        own = {"kty": "oct", "k": base64url_encode(b"attacker" * 8).decode()}
        token = jwt.encode({"sub": "u-42", "exp": time.time() + 60}, "attacker" * 8, "HS256", {"jwk": own, "kid": "x"})
        refusal(verifier_of(issuer), token)


@pytest.mark.parametrize("issuer", [RS256, ES256], ids=lambda issuer: issuer.algorithm)
def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(issuer: Issuer) -> None:
    assert "alg value is not allowed" in refusal(TokenVerifier(settings_for(issuer)), issuer.confused("u-42", "admin"))


@pytest.mark.parametrize("stranger", [Issuer.hs256("another secret of more than 32 bytes."), RS256, ES256])
def test_a_token_signed_with_another_key_is_refused(verifier: TokenVerifier, stranger: Issuer) -> None:
    refusal(verifier, stranger.token("u-42", "admin"))


def test_a_token_of_another_key_of_the_same_kind_is_refused() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    verifier = TokenVerifier(settings_for(ES256, public_key=_pem(other)))
    assert "Signature verification failed" in refusal(verifier, ES256.token("u-42"))


@pytest.mark.parametrize(
    "header", [b"[]", b"null", b"5", b'{"alg":' + b"[" * 50_000, b"\xff\xfe", b'{"alg":"HS256","alg":"none"}', b"{"]
)
def test_a_header_that_is_no_object_is_refused(verifier: TokenVerifier, header: bytes) -> None:
    _, claims, signature = good_token(HS256).split(".")
    refusal(verifier, f"{base64url_encode(header).decode()}.{claims}.{signature}")


# -- without a token ------------------------------------------------------------------------------------------------


def test_without_a_token_one_is_asked_for(verifier: TokenVerifier) -> None:
    with pytest.raises(Unauthenticated, match="A token is required"):
        verifier.identify(Credentials(claimed_user_id="u-42", claimed_roles=frozenset({"admin"})))


def test_a_bare_claim_is_believed_in_the_insecure_development_mode_alone() -> None:
    verifier = TokenVerifier(AuthSettings(insecure_development_mode=True))
    identity = verifier.identify(Credentials(claimed_user_id="u-42", claimed_roles=frozenset({"admin"})))
    assert identity == Identity("u-42", frozenset({"admin"}), math.inf)


def test_in_the_insecure_mode_too_a_token_comes_first_and_must_be_right() -> None:
    verifier = TokenVerifier(settings_for(HS256, insecure_development_mode=True))
    with pytest.raises(Unauthenticated):
        verifier.identify(Credentials(token="a.b.c", claimed_user_id="u-42"))
    assert verifier.identify(Credentials(HS256.token("u-1"), "u-2")).user_id == "u-1"


@pytest.mark.parametrize("claimed", ["", " ", "a b", "x" * 129, "\x00"])
def test_in_the_insecure_mode_too_a_name_must_be_one(claimed: str) -> None:
    with pytest.raises(Unauthenticated, match="userId must be 1 to 128 characters"):
        TokenVerifier(AuthSettings(insecure_development_mode=True)).identify(Credentials(claimed_user_id=claimed))


def test_a_server_without_a_key_believes_no_token() -> None:
    with pytest.raises(Unauthenticated, match="no key"):
        identify(TokenVerifier(AuthSettings(insecure_development_mode=True)), HS256.token("u-42"))


# -- keys that cannot be used ---------------------------------------------------------------------------------------


def _pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def broken(**settings: Any) -> str:
    with pytest.raises(ConfigurationError) as refused:
        TokenVerifier(AuthSettings(**settings))
    return str(refused.value)


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    words = broken(public_key_file=tmp_path / "none.pem")
    assert words == f"REALTIME_AUTH__PUBLIC_KEY_FILE: cannot read {tmp_path / 'none.pem'}: No such file or directory"


def test_a_key_file_that_is_a_directory_is_named(tmp_path: Path) -> None:
    assert "Is a directory" in broken(public_key_file=tmp_path)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\xfe", RS256.signing_key.encode(), b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])  # fmt: skip
def test_a_key_file_with_something_else_in_it_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    assert broken(public_key_file=path) == "REALTIME_AUTH__PUBLIC_KEY_FILE: not a public key in PEM form"


def test_a_key_that_is_none_is_not_repeated() -> None:
    assert broken(public_key="garbage-key") == "REALTIME_AUTH__PUBLIC_KEY: not a public key in PEM form"


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        dsa.generate_private_key(1_024),
    ],
    ids=["Ed25519", "P-384", "secp256k1", "DSA"],
)
def test_a_key_of_another_kind_is_refused(key: Any) -> None:
    assert "must be an RSA key (RS256) or a P-256 key (ES256)" in broken(public_key=_pem(key))


def test_an_rsa_key_that_could_be_broken_is_refused() -> None:
    weak = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)
    assert broken(public_key=_pem(weak)) == "REALTIME_AUTH__PUBLIC_KEY: an RSA key must have at least 2048 bits"


def test_a_public_key_in_the_secrets_place_is_refused_at_start() -> None:
    words = broken(secret=RS256.verification_key)
    assert words.startswith("REALTIME_AUTH__SECRET: is a key or certificate, not a secret")
    assert "BEGIN" not in words


# -- what is counted ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (None, "missing"),
        (HS256.expired("u-42"), "expired"),
        (HS256.token("u-42", nbf=int(time.time()) + 3_600), "not_yet_valid"),
        (HS256.tampered("u-42"), "bad_signature"),
        (HS256.unsigned("u-42"), "wrong_algorithm"),
        (RS256.token("u-42"), "wrong_algorithm"),
        ("eyJhbGciOiJIUzI1NiJ9..", "bad_signature"),
        *((token, "malformed") for token in MALFORMED if not token.startswith("ey")),
        (HS256.token("u-42", iss="somebody"), "wrong_claims"),
        (HS256.token("u-42", aud="something"), "wrong_claims"),
        (HS256.token("u-42", exp=None), "wrong_claims"),
        (HS256.token("u-42", roles="admin"), "wrong_claims"),
        (HS256.token("u-42", exp=10**12), "wrong_claims"),
        (HS256.token("two words"), "wrong_claims"),
        (HS256.token(7), "wrong_claims"),
    ],
)
def test_why_a_token_is_not_believed_is_counted(metrics: Metrics, token: str | None, reason: str) -> None:
    verifier = TokenVerifier(settings_for(HS256), metrics)
    assert count(metrics.token_rejections) == 0
    with pytest.raises((Unauthenticated, TokenExpired)):
        verifier.identify(Credentials(token=token))
    assert (count(metrics.token_rejections, reason=reason), count(metrics.token_rejections)) == (1, 1)


def test_a_server_without_a_key_counts_that_it_has_none(metrics: Metrics) -> None:
    verifier = TokenVerifier(AuthSettings(insecure_development_mode=True), metrics)
    with pytest.raises(Unauthenticated):
        identify(verifier, HS256.token("u-42"))
    assert count(metrics.token_rejections, reason="no_key") == 1


def test_every_reason_is_told_before_it_has_occurred_and_a_good_token_is_none(metrics: Metrics) -> None:
    identify(TokenVerifier(settings_for(HS256), metrics), HS256.token("u-42"))
    (family,) = metrics.token_rejections.collect()
    assert {sample.labels["reason"]: sample.value for sample in family.samples} == dict.fromkeys(Rejection, 0)
