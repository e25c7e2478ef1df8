"""What the findings look like; what a server says may be hostile, and no secret is ever among it."""

import json

from pydantic import SecretStr

from realtime.doctor.display import as_json, harmless, summary, table
from realtime.doctor.finding import KAFKA, REDIS, Status, worst
from realtime.settings import AuthSettings, KafkaSettings, RedisSettings, Sections

FINDINGS = [
    REDIS.ok("mode", "single, primary"),
    REDIS.warn("memory", "much", "redis-cli DBSIZE"),
    KAFKA.fail("group", "gone", "kafka-acls.sh"),
]


def test_each_has_a_line_and_what_is_not_well_its_remedy_below() -> None:
    assert list(table(FINDINGS, colours=False)) == [
        "ok    redis  mode    single, primary",
        "warn  redis  memory  much",
        "                     -> redis-cli DBSIZE",
        "fail  kafka  group   gone",
        "                     -> kafka-acls.sh",
    ]
    assert summary(FINDINGS) == "1 ok, 1 to look after, 1 to mend"


def test_colours_do_not_move_the_columns() -> None:
    plain, coloured = table(FINDINGS, colours=False), table(FINDINGS, colours=True)
    for without, with_them in zip(plain, coloured, strict=True):
        for code in ("\x1b[32m", "\x1b[33m", "\x1b[1;31m", "\x1b[0m"):
            with_them = with_them.replace(code, "")  # noqa: PLW2901 - of this line alone
        assert with_them == without


def test_programs_get_a_document() -> None:
    document = json.loads(as_json(FINDINGS))
    assert document["status"] == "fail"
    assert document["findings"][0] == {
        "area": "redis",
        "subject": "mode",
        "status": "ok",
        "told": "single, primary",
        "mend": None,
    }


def test_the_worst_of_all_counts() -> None:
    assert worst(FINDINGS) is Status.FAIL
    assert worst(FINDINGS[:2]) is Status.WARN
    assert worst(FINDINGS[:1]) is Status.OK


def test_secrets_are_hidden_in_whatever_form_a_server_says_them() -> None:
    sections = Sections(
        auth=AuthSettings(secret=SecretStr("a secret of more than 32 bytes, really")),
        http=None,
        kafka=KafkaSettings(
            security_protocol="SASL_PLAINTEXT", sasl_username="u", sasl_password=SecretStr("kafka-pass")
        ),
        redis=RedisSettings(url=SecretStr("redis://me:pass%2Fword@r:6379/0")),
        sockets=None,
        limits=None,
    )
    said = "pass/word pass%2Fword kafka-pass redis://me:pass%2Fword@r:6379/0 a secret of more than 32 bytes, really"
    shown = harmless(REDIS.fail("x", said, said), sections.secrets())
    assert shown.told == shown.mend == "*** *** *** redis://me:***@r:6379/0 ***"


def test_a_server_cannot_move_the_cursor() -> None:
    assert harmless(REDIS.ok("x", "\x1b[2Jno\nline\N{RIGHT-TO-LEFT OVERRIDE}"), ()).told == "\\x1b[2Jno\\nline\\u202e"
