"""Each form of Redis URL, and words that mend what is none."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from realtime.settings import RedisSettings, RedisUrl, Topology

SINGLE, SENTINEL, CLUSTER = Topology


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("redis://h", RedisUrl(SINGLE, False, "redis://h:6379/0", (("h", 6379),))),
        ("redis://h:1/2", RedisUrl(SINGLE, False, "redis://h:1/2", (("h", 1),))),
        ("redis://h/?db=3", RedisUrl(SINGLE, False, "redis://h:6379/3", (("h", 6379),))),
        ("redis://[::1]:1", RedisUrl(SINGLE, False, "redis://[::1]:1/0", (("::1", 1),))),
        ("rediss://u:p%2Fw@h", RedisUrl(SINGLE, True, "rediss://u:p%2Fw@h:6379/0", (("h", 6379),))),
        ("redis://:p@h", RedisUrl(SINGLE, False, "redis://:p@h:6379/0", (("h", 6379),))),
        ("REDIS://h", RedisUrl(SINGLE, False, "redis://h:6379/0", (("h", 6379),))),
        ("unix:///run/r.sock", RedisUrl(SINGLE, False, "unix:///run/r.sock?db=0", ())),
        ("unix://u:p@/run/r.sock?db=1", RedisUrl(SINGLE, False, "unix://u:p@/run/r.sock?db=1", ())),
        (
            "redis+sentinel://a,b:1,[::1]:2/mymaster",
            RedisUrl(SENTINEL, False, "redis://a:26379/0", (("a", 26379), ("b", 1), ("::1", 2)), service="mymaster"),
        ),
        (
            "rediss+sentinel://u:p@a/my.master-1/2",
            RedisUrl(SENTINEL, True, "rediss://u:p@a:26379/2", (("a", 26379),), service="my.master-1"),
        ),
        ("redis+cluster://a,b:1", RedisUrl(CLUSTER, False, "redis://a:6379/0", (("a", 6379), ("b", 1)))),
        ("rediss+cluster://u:p@a:1/0", RedisUrl(CLUSTER, True, "rediss://u:p@a:1/0", (("a", 1),))),
    ],
)
def test_a_url_in_its_form_is_understood(text: str, understood: RedisUrl) -> None:
    assert RedisUrl.parse(text) == understood
    assert RedisSettings(url=SecretStr(text)).address == understood


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must begin with one of redis://, rediss://, unix://, redis+sentinel://"),
        ("redis", "must begin with one of"),
        ("redis:h", "must begin with one of"),
        ("h:6379", "must begin with one of"),
        ("http://h", "must begin with one of"),
        ("sentinel://h", "must begin with one of"),
        ("unix+cluster:///h", "must begin with one of"),
        ("redis://", "names no host"),
        ("redis:///0", "names no host"),
        ("redis://u:p@/0", "names no host"),
        ("redis+cluster://a,,b", "a comma too many"),
        ("redis+cluster://a,b,", "a comma too many"),
        ("redis://a,b", "several hosts: begin it with redis+sentinel:// or redis+cluster://"),
        ("redis://h:port", "host or port is not one"),
        ("redis://h:0", "host or port is not one"),
        ("redis://h:65536", "host or port is not one"),
        ("redis://h:-1", "host or port is not one"),
        ("redis://h:1:2", "host or port is not one"),
        ("redis://:6379", "host or port is not one"),
        ("redis://::1", "host or port is not one"),
        ("redis://[::1", "host or port is not one"),
        ("redis://[nonsense]", "host or port is not one"),
        ("redis://h%00", "host or port is not one"),
        ("redis://u:p/w@h", "/ as %2F"),
        ("redis://u:p#w@h", "as %23"),
        ("redis://u:p w@h", "white space"),
        ("redis://h\n", "white space"),
        ("redis://h/x", "database is not a number"),
        ("redis://h/-1", "database is not a number"),
        ("redis://h/0/1", "database is not a number"),
        ("redis://h/²", "database is not a number"),
        ("redis://h?db=", "database is not a number"),
        ("redis://h?socket_timeout=1", "there are settings: command_timeout_seconds"),
        ("redis://h?protocol=3", "there are settings"),
        ("unix://", "a socket's whole path"),
        ("unix:///", "a socket's whole path"),
        ("unix://run/r.sock", "a socket's whole path"),
        ("redis+sentinel://a,b", "the name by which the sentinels know the primary, as in redis+sentinel://"),
        ("redis+sentinel://a,b/", "the name by which the sentinels know the primary"),
        ("redis+sentinel://a//0", "the name by which the sentinels know the primary"),
        ("redis+sentinel://a/mymaster/x", "database is not a number"),
        ("redis+cluster://a/1", "only database 0"),
        ("redis+cluster://a?db=1", "only database 0"),
    ],
)
def test_what_is_wrong_with_a_url_is_said_without_it(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        RedisUrl.parse(text)
    assert words in str(refused.value)
    if "p/w" in text or "p#w" in text:
        assert "p/w" not in str(refused.value)
        assert "p#w" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ssl_ca_file": __file__}, "ssl_ca_file is for TLS, and url does not begin with rediss"),
        ({"url": "rediss://h", "ssl_ca_file": "/no/such/file"}, "ssl_ca_file names no file: /no/such/file"),
        ({"url": "rediss://h", "ssl_key_file": __file__}, "ssl_certificate_file and ssl_key_file need each other"),
        ({"sentinel_password": "p"}, "sentinel_password is for sentinels, and url does not begin with"),
        ({"url": "redis+sentinel://h/m", "sentinel_username": "u"}, "sentinel_username needs sentinel_password"),
    ],
)
def test_settings_that_do_not_fit_the_url_are_refused(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RedisSettings(**settings)


def test_files_for_tls_go_with_a_url_for_tls() -> None:
    here = Path(__file__)
    settings = RedisSettings(
        url=SecretStr("rediss+cluster://h"), ssl_ca_file=here, ssl_certificate_file=here, ssl_key_file=here
    )
    assert settings.address.has_tls
