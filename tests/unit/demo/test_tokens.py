"""Tokens for trying things out: what is signed is believed, and what would not be is not signed."""

import pytest

from parts.tokens import Issuer
from realtime.demo.tokens import sign_token
from realtime.errors import ConfigurationError, Unauthenticated
from realtime.gateway.tokens import Credentials, TokenVerifier
from realtime.settings import AuthSettings

SECRET = "a secret of the tests, of more than 32 bytes"


@pytest.mark.parametrize("names", [{}, {"issuer": "shop", "audience": "realtime"}], ids=["bare", "with iss and aud"])
def test_a_pod_with_the_same_settings_believes_the_token(names: dict[str, str]) -> None:
    auth = AuthSettings(secret=SECRET, **names)
    token = sign_token(auth, "alice", ["admin"], expires_in_seconds=60)
    identity = TokenVerifier(auth).identify(Credentials(token=token))
    assert (identity.user_id, identity.roles) == ("alice", {"admin"})


def test_without_a_secret_there_is_nothing_to_sign_with() -> None:
    with pytest.raises(ConfigurationError, match="REALTIME_AUTH__SECRET"):
        sign_token(AuthSettings(public_key=Issuer.rs256().verification_key), "alice")


@pytest.mark.parametrize("user_id", ["", "al ice", "a" * 129, "line\nbreak"])
def test_a_user_id_that_no_pod_takes_is_refused(user_id: str) -> None:
    with pytest.raises(Unauthenticated, match="sub must be"):
        sign_token(AuthSettings(secret=SECRET), user_id)
