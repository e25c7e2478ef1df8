"""Whether pods know whom to believe."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from parts.tokens import Issuer
from realtime.doctor.finding import Finding, Status
from realtime.doctor.tokens import look_at_tokens
from realtime.settings import AuthSettings, HttpSettings

SECRET = SecretStr("kQ3vX9pL2mN8rT5wY7zB4cD6fG1hJ0sA")


def found(auth: AuthSettings, host: str = "0.0.0.0") -> dict[str, Finding]:
    return {finding.subject: finding for finding in look_at_tokens(auth, HttpSettings(host=host))}


def test_a_good_secret_signs_a_token_that_is_believed() -> None:
    findings = found(AuthSettings(secret=SECRET, issuer="https://shop.test", audience="realtime"))
    assert {finding.status for finding in findings.values()} == {Status.OK}
    assert "believed" in findings["token"].told


def test_a_secret_that_could_be_guessed_is_told() -> None:
    assert found(AuthSettings(secret=SecretStr("a" * 40)))["key"].status is Status.WARN


@pytest.mark.parametrize("subject", ["issuer", "audience"])
def test_claims_that_nobody_checks_are_told(subject: str) -> None:
    assert found(AuthSettings(secret=SECRET))[subject].status is Status.WARN


@pytest.mark.parametrize("issuer", [Issuer.rs256(), Issuer.es256()], ids=["RS256", "ES256"])
def test_a_public_key_must_be_usable(issuer: Issuer, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(issuer.verification_key)
    assert found(AuthSettings(public_key_file=path))["key"].status is Status.OK
    path.write_text("no key")
    finding = found(AuthSettings(public_key_file=path))["key"]
    assert finding.status is Status.FAIL
    assert "REALTIME_AUTH__PUBLIC_KEY_FILE" in finding.told
    path.unlink()
    assert found(AuthSettings(public_key_file=path))["key"].status is Status.FAIL


def test_the_insecure_mode_is_loud_and_fails_where_others_can_connect() -> None:
    auth = AuthSettings(insecure_development_mode=True)
    assert found(auth)["identity"].status is Status.FAIL
    assert found(auth)["identity"].told.startswith("INSECURE")
    assert found(auth, "127.0.0.1")["identity"].status is Status.WARN
