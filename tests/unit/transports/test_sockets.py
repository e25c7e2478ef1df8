"""What a client may send, and what it may not: from the packet to the gateway."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from parts.waiting import eventually
from realtime.errors import RedisUnavailable
from realtime.protocol.disconnects import SERVER_DRAINING, TOO_MANY_COMMANDS, Closing
from realtime.transports.socketio.overrides import MAX_CONNECT_ATTEMPTS
from realtime.transports.socketio.packets import MAX_ATTACHMENTS
from unit.counts import count
from unit.transports.pods import ISSUER, Browser, SocketPod, settle


async def refused(pod: SocketPod, auth: object, environ: dict[str, Any] | None = None) -> Any:
    """Connect in vain; what the client's `connect_error` holds."""
    browser = Browser(pod)
    await browser.connect(auth, environ)
    (packet,) = browser.hear_packets()
    assert packet.startswith("4")
    assert len(pod.sessions) == 0
    return json.loads(packet[1:])


@pytest.mark.parametrize(
    ("auth", "environ"),
    [
        ({"token": ISSUER.token("u-42")}, {}),
        (None, {"HTTP_AUTHORIZATION": f"Bearer {ISSUER.token('u-42')}"}),
        (None, {"QUERY_STRING": f"EIO=4&token={ISSUER.token('u-42')}"}),
    ],
    ids=["auth", "header", "query"],
)
async def test_a_token_is_taken_from_each_of_its_places(pod: SocketPod, auth: object, environ: dict[str, Any]) -> None:
    browser = Browser(pod)
    await browser.connect(auth, environ)
    ((name, data),) = browser.hear()
    assert (name, data["userId"], data["rooms"]) == ("connection:success", "u-42", ["user:u-42"])
    assert data["socketId"] == browser.sid


async def test_who_is_refused_is_told_why_in_words_and_in_a_code(pod: SocketPod) -> None:
    assert await refused(pod, None) == {
        "message": "A token is required: as auth.token, as Authorization: Bearer, or as ?token=.",
        "data": {
            "code": "unauthenticated",
            "message": "A token is required: as auth.token, as Authorization: Bearer, or as ?token=.",
            "retryable": False,
        },
    }
    assert (await refused(pod, {"token": ISSUER.expired("u-42")}))["data"]["code"] == "token_expired"


@pytest.mark.parametrize("auth", [{}, {"a": 1}, {"token": {"a": 1}}, {"token": 5}, {"token": ["a"]}, {"token": None}])
async def test_credentials_that_are_none_are_refused(pod: SocketPod, auth: object) -> None:
    assert (await refused(pod, auth))["data"]["code"] == "unauthenticated"


@pytest.mark.parametrize("namespace", ["/admin", "/chat", "/socket.io", "/*"])
async def test_there_is_one_namespace(pod: SocketPod, namespace: str) -> None:
    browser = Browser(pod)
    await browser.send(f"0{namespace},{json.dumps({'token': ISSUER.token('u-42')})}")
    (packet,) = browser.hear_packets()
    assert packet.startswith(f"4{namespace},")
    assert len(pod.sessions) == 0


async def test_who_connects_twice_breaks_the_protocol(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    await browser.send("0" + json.dumps({"token": ISSUER.token("root", "admin")}))
    assert (browser.is_connected, len(pod.sessions)) == (False, 0)
    assert count(pod.metrics.protocol_violations) == 1


# -- commands -------------------------------------------------------------------------------------------------------


async def test_a_command_is_answered_by_its_ack(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    assert await browser.command("subscribe:orders") == {
        "ok": True,
        "rooms": ["orders:u-42", "user:u-42"],
        "offset": "memory:0",
    }
    assert (await browser.command("subscribe:admin"))["error"]["code"] == "forbidden"
    assert (await browser.command("no:such"))["error"]["code"] == "invalid_command"


async def test_a_command_that_wants_no_ack_is_carried_out(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    await browser.send('2["subscribe:orders"]')
    assert browser.hear_packets() == []
    assert pod.manager.has_members("orders:u-42")


async def test_a_clients_commands_are_carried_out_one_after_the_other(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    for number in range(10):
        browser.send_now(f'2{number}["{"un" if number % 2 else ""}subscribe:orders"]')
    await settle()
    answers = browser.hear_packets()
    assert [packet[:2] for packet in answers] == [f"3{number}" for number in range(10)]
    assert [len(json.loads(packet[2:])[0]["rooms"]) for packet in answers] == [2, 1] * 5


async def test_a_bug_is_answered_without_what_is_inside_and_counted(
    pod: SocketPod, monkeypatch: pytest.MonkeyPatch, logs: list[MutableMapping[str, Any]]
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError("secret internals")

    browser = await pod.enter("u-42")
    monkeypatch.setattr(pod.gateway, "command", fail)
    assert await browser.command("subscribe:orders") == {
        "ok": False,
        "error": {"code": "internal", "message": "Something is wrong on our side.", "retryable": True},
    }
    assert count(pod.metrics.bugs, where="command") == 1
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["command_failed"]


@pytest.mark.parametrize("name", ["connect", "disconnect"])
@pytest.mark.parametrize("arguments", [[], [{}], ["client disconnect"], [{}, {}], [1, 2, 3]])
async def test_an_event_that_is_named_like_one_of_ours_is_an_unknown_command(
    pod: SocketPod, name: str, arguments: list[object]
) -> None:
    browser = await pod.enter("u-42")
    answer = await browser.command(name, *arguments)
    assert answer["error"]["code"] == "invalid_command"
    assert len(pod.sessions) == 1
    assert count(pod.metrics.disconnects) == 0


async def test_nobody_becomes_somebody_else_by_an_event_named_connect(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    await browser.command("connect", {}, {"token": ISSUER.token("root", "admin")})
    assert [session.user_id for session in pod.sessions] == ["u-42"]
    assert (await browser.command("subscribe:admin"))["error"]["code"] == "forbidden"
    await browser.leave()
    assert (len(pod.sessions), pod.sessions.user_count) == (0, 0)


@pytest.mark.parametrize("arguments", [[], ["somebody else's session"], [{}, {}, {}]])
async def test_an_event_named_like_the_handler_of_all_others_is_an_unknown_command(
    pod: SocketPod, arguments: list[object]
) -> None:
    other = await pod.enter("u-43")
    browser = await pod.enter("u-42")
    for victim in (*arguments, other.sid):
        answer = await browser.command("*", victim)
        assert answer["error"]["code"] == "invalid_command"
    assert count(pod.metrics.bugs) == 0


async def test_who_has_left_its_namespace_does_not_stay_for_ever(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    assert browser.connection not in pod.engine._strangers
    await browser.send("1")
    assert (len(pod.sessions), browser.is_connected) == (0, True)
    assert browser.connection in pod.engine._strangers
    await browser.connect({"token": ISSUER.token("u-42")})
    assert (len(pod.sessions), browser.connection in pod.engine._strangers) == (1, False)


async def test_nobody_connects_and_leaves_for_ever(pod: SocketPod) -> None:
    browser = Browser(pod)
    for _ in range(MAX_CONNECT_ATTEMPTS):
        await browser.connect({"token": ISSUER.token("u-42")})
        await browser.send("1")
    assert browser.is_connected
    await browser.connect({"token": ISSUER.token("u-42")})
    assert not browser.is_connected


async def test_why_a_session_ended_is_never_a_clients_own_words(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    await browser.command("disconnect", "a label of my own")
    await browser.leave()
    assert count(pod.metrics.disconnects, reason="transport close") == 1
    assert count(pod.metrics.disconnects) == 1


@pytest.mark.parametrize("announced", [MAX_ATTACHMENTS + 1, 999_999_999])
async def test_a_packet_does_not_announce_any_number_of_attachments(pod: SocketPod, announced: int) -> None:
    browser = await pod.enter("u-42")
    await browser.send(f'5{announced}-["x",{{"_placeholder":true,"num":0}}]')
    assert not browser.is_connected
    assert pod.server._binary_packet == {}


async def test_a_binary_payload_is_refused_like_any_other_that_is_no_object(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    await browser.send('51-7["subscribe:orders",{"_placeholder":true,"num":0}]')
    await browser.send(b"\xff")
    (ack,) = browser.hear_packets()
    assert json.loads(ack[2:])[0]["error"]["code"] == "invalid_command"


@pytest.mark.parametrize(
    "packet",
    [
        "2",
        "2{}",
        "2[]",
        "2[{}]",
        '2[["x"]]',
        "2{",
        "3",
        "4",
        "9",
        "",
        "5",
        "a",
        "2 ",
        "05",
        "0[]",
        "0null",
        '0"token"',
        "1{}",
        "30" + "[" * 200 + "]" * 200,
        '2["x",' + '{"a":' * 200 + "1" + "}" * 200 + "]",
        "21-[]",
        "51[]",
        "31{}",
        "\u0662[]",
    ],
)
async def test_a_packet_that_is_none_ends_its_own_connection_alone(
    pod: SocketPod, packet: str, logs: list[MutableMapping[str, Any]]
) -> None:
    hostile, other = await pod.enter("u-42"), await pod.enter("u-43")
    await hostile.send(packet)
    assert hostile.hear_packets() == []
    assert not hostile.is_connected
    assert [session.user_id for session in pod.sessions] == ["u-43"]
    assert (await other.command("subscribe:orders"))["ok"] is True
    assert count(pod.metrics.protocol_violations) == 1
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


# -- closing --------------------------------------------------------------------------------------------------------


async def close(pod: SocketPod, browser: Browser, closing: Closing) -> list[Any]:
    await pod.attachment.close(browser.sid, closing)
    await settle()
    return browser.hear_packets()


async def test_who_may_come_back_is_told_why_and_closed(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    notice, *others = await close(pod, browser, SERVER_DRAINING)
    assert json.loads(notice[1:]) == [
        "connection:closing",
        {"code": "draining", "message": SERVER_DRAINING.message, "retryable": True},
    ]
    # Not disconnected from its namespace: after that a client would not come back by itself.
    assert "1" not in others
    assert not browser.is_connected
    assert len(pod.sessions) == 0


async def test_who_may_not_come_back_is_told_why_and_disconnected(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    notice, *others = await close(pod, browser, TOO_MANY_COMMANDS)
    assert json.loads(notice[1:])[1]["retryable"] is False
    assert "1" in others
    assert not browser.is_connected


async def test_closing_who_has_gone_does_nothing(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    await browser.leave()
    await pod.attachment.close(browser.sid, SERVER_DRAINING)
    assert browser.hear_packets() == []


async def test_a_flood_of_commands_ends_the_session(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    for _ in range(40 + 200):
        await browser.send('2["subscribe:orders"]')
    names = [json.loads(packet[1:])[0] for packet in browser.hear_packets() if str(packet).startswith("2")]
    assert names == ["connection:closing"]
    assert len(pod.sessions) == 0
    assert count(pod.metrics.commands, outcome="rate_limited") == 200


async def test_without_the_broker_a_newcomer_is_told_to_try_again(
    pod: SocketPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise RedisUnavailable("away")

    monkeypatch.setattr(pod.broker, "subscribe", away)
    browser = Browser(pod)
    await browser.connect({"token": ISSUER.token("u-42")})
    ((name, data),) = browser.hear()
    assert (name, data["code"], data["retryable"]) == ("connection:closing", "try_again", True)
    assert (len(pod.sessions), pod.manager.rooms) == (0, {})


async def test_who_connects_while_the_pod_ends_is_not_told_that_it_is_connected(
    pod: SocketPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def is_cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(pod.broker, "subscribe", is_cancelled)
    browser = Browser(pod)
    await browser.connect({"token": ISSUER.token("u-42"), "recovery": True})
    assert not [packet for packet in browser.hear_packets() if packet.startswith("0")]
    assert not browser.is_connected
    assert (len(pod.sessions), pod.manager.rooms) == (0, {})


async def test_what_a_session_comes_over_is_known(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    assert pod.attachment.transport(browser.sid) == "polling"
    await browser.leave()
    assert pod.attachment.transport(browser.sid) == "closed"


# -- how long it takes to connect -----------------------------------------------------------------------------------


def handshakes(pod: SocketPod) -> tuple[float, float]:
    """How many, and how long all of them took."""
    samples = {sample.name: sample.value for family in pod.metrics.handshakes.collect() for sample in family.samples}
    return samples["realtime_handshake_seconds_count"], samples["realtime_handshake_seconds_sum"]


async def test_a_handshake_is_measured_from_the_clients_connect_until_it_is_told_that_it_is_connected(
    pod: SocketPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = pod.gateway._recovery.prepare

    async def prepare_slowly(*arguments: Any) -> None:
        await asyncio.sleep(0.05)
        await prepare(*arguments)

    monkeypatch.setattr(pod.gateway._recovery, "prepare", prepare_slowly)
    browser = Browser(pod)
    await asyncio.sleep(0.2)  # the client's own time, before it says who it is
    await browser.connect({"token": ISSUER.token("u-42")})
    await eventually(browser.hear, 5, "it is welcomed")
    times, seconds = handshakes(pod)
    assert times == 1
    assert 0.05 <= seconds < 0.2


async def test_what_a_client_waited_for_its_turn_is_a_part_of_its_handshake(pod: SocketPod) -> None:
    browser = Browser(pod, waited_seconds=1.5)
    await browser.connect({"token": ISSUER.token("u-42")})
    times, seconds = handshakes(pod)
    assert times == 1
    assert 1.5 <= seconds < 2.5


async def test_who_is_refused_has_had_no_handshake(pod: SocketPod) -> None:
    await refused(pod, {"token": "nonsense"})
    assert handshakes(pod) == (0, 0)


async def test_who_comes_again_over_the_same_connection_has_another_handshake(pod: SocketPod) -> None:
    browser = await pod.enter("u-42")
    await browser.send("1")
    await browser.connect({"token": ISSUER.token("u-42")})
    assert handshakes(pod)[0] == 2
