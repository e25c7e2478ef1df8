"""`realtime dead-letters` over a real Kafka: what is set aside can be looked at, and replayed once."""

import asyncio
import gc
import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from parts.embedded_kafka import EmbeddedKafka
from parts.fixtures import Connect, StartPod, takes_apache_kafka
from parts.kafka import Kafka
from parts.pod import INHERITED, Pod
from parts.ports import free_port
from parts.tokens import Issuer
from parts.topics import DEAD_LETTERS, Topics
from parts.waiting import eventually
from realtime.dead_letters.archive import open_archive
from realtime.dead_letters.errors import CommandFailed
from realtime.dead_letters.filters import Filter
from realtime.dead_letters.replay import Fate, open_replayer
from realtime.settings import KafkaSettings, TopicSettings

# Replaying takes transactions.
apache_kafka_alone = pytest.mark.skipif(not takes_apache_kafka(), reason="the embedded broker cannot do this")
# So a record can be refused by one pod, and taken in by another that has been set otherwise.
SMALL = {"REALTIME_KAFKA__RECORD_MAX_BYTES": "100"}


@dataclass
class Run:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


async def dead_letters(topics: Topics, *arguments: str, **settings: str) -> Run:
    """Run `realtime dead-letters`, without a terminal."""
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ} | topics.settings | settings
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "realtime", "dead-letters", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert b"Traceback" not in out + err, err.decode()
    assert process.returncode is not None
    return Run(process.returncode, out.decode(), err.decode())


async def listed(topics: Topics, *filters: str) -> list[dict[str, object]]:
    run = await dead_letters(topics, "list", "--json", *filters)
    assert run.code == 0, run.err
    return [json.loads(line) for line in run.lines]


async def letters_written(topics: Topics, count: int) -> None:
    async def are_there() -> bool:
        return len(await topics.read(DEAD_LETTERS)) >= count

    await eventually(are_there, 20, f"{count} records are in the dead-letter topic")


def order(number: int, user: str = "u") -> dict[str, str]:
    note = "a value of more than a hundred bytes, since it has this note"
    return {"orderId": "o", "userId": user, "status": "shipped", "trackingNumber": str(number), "carrierNote": note}


def heard(client: object) -> list[tuple[str, str]]:
    return [(e.args[0]["trackingNumber"], e.args[0]["eventId"]) for e in client.events("order:updated")]  # type: ignore[attr-defined]


@pytest.fixture
async def small_pod(start_pod: StartPod) -> Pod:
    """A pod that refuses `order`."""
    return await start_pod(**SMALL)


@apache_kafka_alone
async def test_letters_are_listed_shown_and_replayed_and_nothing_arrives_twice(
    small_pod: Pod, start_pod: StartPod, topics: Topics, connect: Connect, issuer: Issuer
) -> None:
    for number in range(3):
        await topics.produce("order.updated", order(number), key="o", partition=1)
    await topics.produce("order.updated", order(3), key="o", partition=1, headers=[("event-id", b"given")])
    await letters_written(topics, 4)
    await small_pod.terminate()

    found = await listed(topics)
    name = topics.name("order.updated")
    assert [(letter["topic"], letter["partition"], letter["offset"]) for letter in found] == [
        (name, 1, offset) for offset in range(4)
    ]
    assert {letter["code"] for letter in found} == {"unreadable_record"}
    shown = await dead_letters(topics, "show", str(found[0]["letter"]))
    assert f"record       {name}:1:0" in shown.lines
    assert '  "trackingNumber": "0",' in shown.lines
    assert "replayed     no" in shown.lines

    dry = await dead_letters(topics, "replay", "--dry-run")
    assert dry.code == 0
    assert len([line for line in dry.lines if line.startswith("would replay")]) == 4
    assert dry.err.endswith("4 would be replayed, 0 skipped, 0 failed\n")
    assert len(await topics.read("order.updated")) == 4, "nothing was written"

    pod = await start_pod()
    client = await connect(pod.url, issuer.token("u"))
    await client.command("subscribe:orders")
    first = await dead_letters(topics, "replay", "--limit", "1")
    assert (first.code, first.err) == (0, "1 replayed, 0 skipped, 0 failed\n")
    assert first.lines == [f"replayed {found[0]['letter']}: {name}:1:0 -> {name}:1:4"]
    # Two at once, and another one afterwards.
    both = await asyncio.gather(dead_letters(topics, "replay"), dead_letters(topics, "replay"))
    assert any(run.code == 0 for run in both)
    last = await dead_letters(topics, "replay")
    assert last.code == 0
    again = await dead_letters(topics, "replay")
    assert (again.code, again.err) == (0, "0 replayed, 4 skipped, 0 failed\n")
    assert all("was replayed before" in line for line in again.lines)

    await client.wait_for_event("order:updated", count=4)
    await topics.produce(
        "order.updated", {"orderId": "o", "userId": "u", "status": "x", "trackingNumber": "end"}, partition=1
    )
    await client.wait_for_event("order:updated", count=5)
    assert heard(client)[:4] == [("0", f"{name}:1:0"), ("1", f"{name}:1:1"), ("2", f"{name}:1:2"), ("3", "given")]
    assert heard(client)[4][0] == "end"
    assert all(letter["replayedTo"] for letter in await listed(topics))


@apache_kafka_alone
async def test_what_fails_again_is_a_letter_again_that_counts_its_tries_and_keeps_its_id(
    small_pod: Pod, topics: Topics
) -> None:
    await topics.produce("order.updated", order(0), partition=0)
    await letters_written(topics, 1)
    for tries in (2, 3):
        run = await dead_letters(topics, "replay")
        assert run.err.startswith("1 replayed"), run

        async def has_failed_again(tries: int = tries) -> bool:
            return [letter["tries"] for letter in await listed(topics)][-1] == tries

        await eventually(has_failed_again, 20, "it is a letter again")
    letters = await listed(topics)
    assert [letter["tries"] for letter in letters] == [1, 2, 3]
    (kept,) = [h["value"] for h in letters[-1]["headers"] if h["name"] == "event-id"]  # type: ignore[attr-defined]
    assert kept == f"{topics.name('order.updated')}:0:0"


async def test_filters_choose_letters(small_pod: Pod, topics: Topics) -> None:
    await topics.produce("order.updated", order(0), key="left", partition=0)
    await topics.produce("order.created", b"not JSON, but \xff needle", key="right", partition=0)
    await topics.produce("order.created", b"{}", partition=0)
    await letters_written(topics, 3)
    created = topics.name("order.created")
    for filters, count in [
        ([], 3),
        (["--topic", created], 2),
        (["--topic", created, "--code", "invalid_event"], 1),
        (["--key", "left"], 1),
        (["--contains", "needle"], 1),
        (["--since", "1h"], 3),
        (["--until", "1h"], 0),
        (["--since", "2199-01-01"], 0),
        (["--limit", "2"], 2),
    ]:
        assert len(await listed(topics, *filters)) == count, filters
    nothing = await dead_letters(topics, "list", "--key", "nobody")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "no letters match\n")
    some = await dead_letters(topics, "list", "--limit", "2")
    assert some.err == "the newest 2 of 3 that match; --limit tells more\n"


@apache_kafka_alone
async def test_a_letter_that_was_cut_is_replayed_from_where_its_record_came_from_while_it_is_there(
    start_pod: StartPod, topics: Topics, connect: Connect, issuer: Issuer
) -> None:
    pod = await start_pod(**SMALL, REALTIME_KAFKA__FETCH_MAX_BYTES_PER_PARTITION="500")
    large = order(0) | {"carrierNote": "x" * 2_000}
    await topics.produce("order.updated", large, key="o", partition=2, headers=[("event-id", b"large")])
    await topics.produce("order.created", large | {"status": "new"}, key="o", partition=2)
    await letters_written(topics, 2)
    await pod.terminate()
    assert [letter["cut"] for letter in await listed(topics)] == [True, True]
    shown = await dead_letters(topics, "show", str((await listed(topics))[0]["letter"]))
    assert "value        was cut: the whole record was larger than the dead-letter topic takes" in shown.lines
    await topics.delete("order.created")

    client = await connect((await start_pod()).url, issuer.token("u"))
    await client.command("subscribe:orders")
    run = await dead_letters(topics, "replay")
    assert run.code == 1
    assert run.err == "1 replayed, 0 skipped, 1 failed\n"
    assert any("does not exist any more" in line for line in run.lines)
    await client.wait_for_event("order:updated")
    assert heard(client) == [("0", "large")]


@apache_kafka_alone
async def test_whatever_stands_in_the_topic_is_listed_and_shown_and_harms_no_terminal(topics: Topics) -> None:
    spoof = [("dead-letter-topic", b"\x1b[2J"), ("dead-letter-partition", b"x"), ("dead-letter-code", b"\x1b]0;a\x07")]
    strange: list[tuple[bytes | None, list[tuple[str, bytes]]]] = [
        (None, []),
        (b"", spoof),
        (bytes(range(256)) * 20, [("\x1b[31m", b"\x00\xff")]),
        (b"[" * 100_000, []),
        ('{"text": "\u202e\x9b \\u001b[2J"}'.encode(), [("dead-letter-replayed-to", b"nowhere")]),
    ]
    for value, headers in strange:
        await topics.produce(DEAD_LETTERS, value, key="\x1b[5m\n", headers=headers, partition=0)
    runs = [await dead_letters(topics, "list"), await dead_letters(topics, "list", "--json")]
    runs += [await dead_letters(topics, "show", f"0:{offset}") for offset in range(len(strange))]
    runs += [await dead_letters(topics, "show", f"0:{offset}", "--json") for offset in range(len(strange))]
    for run in runs:
        assert run.code == 0, run
        assert all(c == "\n" or c.isprintable() for c in run.out), run.out
    assert len(runs[1].lines) == len(strange)
    replay = await dead_letters(topics, "replay")
    assert (replay.code, replay.err) == (1, "0 replayed, 0 skipped, 5 failed\n")


@apache_kafka_alone
async def test_a_letter_that_names_a_foreign_topic_is_not_written_there(topics: Topics) -> None:
    headers = [
        ("dead-letter-topic", topics.name("realtime.dead-letters").encode()),
        ("dead-letter-partition", b"0"),
        ("dead-letter-offset", b"0"),
        ("dead-letter-timestamp-ms", b"0"),
    ]
    await topics.produce(DEAD_LETTERS, b"{}", headers=headers, partition=0)
    run = await dead_letters(topics, "replay")
    assert run.code == 1
    assert "is none of the topics of events" in run.out


async def test_what_cannot_be_done_is_told_in_one_line(topics: Topics) -> None:
    empty = await dead_letters(topics, "list")
    assert (empty.code, empty.err) == (0, "no letters match\n")
    for code, words, run in [
        (1, "there is no letter at 0:7 (any more)", await dead_letters(topics, "show", "0:7")),
        (1, "there is no letter at 99:0", await dead_letters(topics, "show", "99:0")),
        (2, "not a letter's place", await dead_letters(topics, "show", "7")),
        (2, "no such code", await dead_letters(topics, "list", "--code", "\x1b[31m")),
        (2, "neither an age", await dead_letters(topics, "replay", "--since", "yesterday")),
        (2, "not before", await dead_letters(topics, "list", "--since", "1h", "--until", "2h")),
        (2, "REALTIME_KAFFKA__X: no such setting", await dead_letters(topics, "list", REALTIME_KAFFKA__X="1")),
        (1, "does not exist", await dead_letters(topics, "list", REALTIME_KAFKA__DEAD_LETTER_TOPIC="none")),
        (
            1,
            "is away",
            await dead_letters(topics, "list", REALTIME_KAFKA__BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port()}"),
        ),
    ]:
        assert run.code == code, run
        assert words in run.err, run
        assert run.out == ""
        assert all(c == "\n" or c.isprintable() for c in run.err)


async def test_a_broker_without_transactions_lists_and_shows_and_says_why_it_replays_nothing(
    tmp_path: Path, prefix: str
) -> None:
    broker = EmbeddedKafka(tmp_path / "embedded")
    await broker.start()
    try:
        topics = Topics(broker, prefix)
        await topics.create()
        await topics.produce(DEAD_LETTERS, b"{}", partition=0)
        assert len(await listed(topics)) == 1
        assert (await dead_letters(topics, "show", "0:0")).code == 0
        run = await dead_letters(topics, "replay")
        assert run.code == 1
        assert "gives no transaction" in run.err
    finally:
        await broker.kill()


async def test_a_kafka_that_hangs_does_not_hang_the_command(own_kafka: Kafka, prefix: str) -> None:
    topics = Topics(own_kafka, prefix)
    await topics.create()
    own_kafka.pause()
    run = await dead_letters(topics, "list", REALTIME_KAFKA__REQUEST_TIMEOUT_SECONDS="2")
    assert run.code == 1
    assert "is away" in run.err


async def replay_while_another_one_begins(settings: KafkaSettings) -> list[Fate]:
    """Replay one letter, then let another replay begin; return what that one does."""
    async with open_archive(settings) as archive, open_replayer(settings, archive, dry_run=False) as first:
        found = await archive.find(Filter(), None, lambda *_: None)
        assert [told.fate async for told in first.replay(found, limit=1)] == [Fate.REPLAYED]
        async with open_replayer(settings, archive, dry_run=False) as second:
            with pytest.raises(CommandFailed, match="another replay has begun"):
                async for _ in first.replay(found, limit=None):
                    pass
            found = await archive.find(Filter(), None, lambda *_: None)
            return [told.fate async for told in second.replay(found, limit=None)]


@apache_kafka_alone
async def test_a_second_replay_shuts_the_first_one_out(
    small_pod: Pod, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        await topics.produce("order.updated", order(number), partition=0)
    await letters_written(topics, 2)
    await small_pod.terminate()
    settings = KafkaSettings(
        bootstrap_servers=topics.kafka.bootstrap_servers,
        dead_letter_topic=topics.name(DEAD_LETTERS),
        topics=TopicSettings(order_updated=topics.name("order.updated")),
    )
    told = await replay_while_another_one_begins(settings)
    assert sorted(told, key=str) == [Fate.REPLAYED, Fate.SKIPPED]
    assert len(await topics.read("order.updated")) == 4
    # The producer that was shut out leaves futures behind whose errors nobody asks for; let no other test find them.
    monkeypatch.setattr(logging.getLogger("asyncio"), "disabled", True)
    gc.collect()


@apache_kafka_alone
async def test_a_record_too_large_for_its_topic_does_not_stop_the_others(small_pod: Pod, topics: Topics) -> None:
    await topics.produce("order.created", order(0) | {"carrierNote": "x" * 3_000}, partition=0)
    await topics.produce("order.created", order(1), partition=0)
    await letters_written(topics, 2)
    await small_pod.terminate()
    admin = AIOKafkaAdminClient(bootstrap_servers=topics.kafka.bootstrap_servers)
    await admin.start()
    try:
        limit = ConfigResource(ConfigResourceType.TOPIC, topics.name("order.created"), {"max.message.bytes": "2000"})
        await admin.alter_configs([limit])
    finally:
        await admin.close()
    run = await dead_letters(topics, "replay")
    assert run.code == 1
    assert run.err == "1 replayed, 0 skipped, 1 failed\n"
    assert "order.created takes 2000" in run.out
