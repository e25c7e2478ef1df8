"""Who comes while too many come: waits a moment, or is sent away; whoever is in already is not held up."""

import asyncio
import json
import signal

from conformance import raw
from conformance.raw import Wire
from parts.fixtures import StartPod
from parts.http import get
from parts.pod import Pod
from parts.tokens import Issuer
from parts.waiting import eventually

OPENING = "/socket.io/?EIO=4&transport="
# One comes in at once, the next one waits 0.8 s, and there is a place for one more.
SLOW = {"REALTIME_LIMITS__HANDSHAKES_PER_SECOND": "1.25", "REALTIME_LIMITS__HANDSHAKES_BURST": "1"}


async def waiting(pod: Pod) -> int:
    """How many wait, as the pod tells."""
    response = await get(f"{pod.url}/metrics")
    assert response is not None
    [line] = [line for line in response.text.splitlines() if line.startswith("realtime_waiting_connections ")]
    return int(float(line.split()[1]))


async def use_up(pod: Pod) -> str:
    """Take the place that there is at once; the session that has it."""
    async with Wire(pod.port) as wire:
        opened = await wire.ask("GET", OPENING + "polling")
        assert opened.status == 200, opened.text
        return str(json.loads(opened.text[1:])["sid"])


async def test_what_a_websocket_says_while_it_waits_for_its_turn_is_heard(start_pod: StartPod, issuer: Issuer) -> None:
    pod = await start_pod(roles="sockets", **SLOW)
    await use_up(pod)
    async with Wire(pod.port) as wire:
        connect = raw.text(f'40{{"token":"{issuer.token("u")}"}}')
        # Some of it in one piece with the handshake, and some behind.
        await wire.send(raw.upgrade_request(OPENING + "websocket") + connect[:20])
        assert await eventually(lambda: waiting(pod), 1, "it waits") == 1
        await wire.send(connect[20:], raw.text('421["request:stats"]'))
        assert (await wire.upgraded()).status == 101
        said = [await wire.message() for _ in range(4)]
        assert [str(packet)[:2] for packet in said] == ["0{", "40", "42", "43"]
    assert await waiting(pod) == 0


async def test_polling_waits_too_and_who_is_in_already_does_not(start_pod: StartPod, issuer: Issuer) -> None:
    pod = await start_pod(roles="sockets", **SLOW)
    sid = await use_up(pod)
    async with Wire(pod.port) as newcomer, Wire(pod.port) as session, Wire(pod.port) as upgrade:
        await newcomer.send(raw.request("GET", OPENING + "polling"))
        await eventually(lambda: waiting(pod), 1, "it waits")
        told = await session.ask("POST", f"{OPENING}polling&sid={sid}", body=f'40{{"token":"{issuer.token("u")}"}}')
        assert told.status == 200
        assert (await session.ask("GET", f"{OPENING}polling&sid={sid}")).text.startswith("40")
        assert (await upgrade.upgrade(f"{OPENING}websocket&sid={sid}")).status == 101
        await upgrade.send(raw.text("2probe"))
        assert await upgrade.message() == "3probe"
        assert (await newcomer.response()).text.startswith("0{")


async def test_who_finds_no_place_to_wait_is_sent_away_on_either_transport(start_pod: StartPod) -> None:
    pod = await start_pod(roles="sockets", REALTIME_LIMITS__HANDSHAKES_WAITING_MAX="1", **SLOW)
    await use_up(pod)
    async with Wire(pod.port) as first, Wire(pod.port) as second, Wire(pod.port) as third:
        await first.send(raw.upgrade_request(OPENING + "websocket"))
        await eventually(lambda: waiting(pod), 1, "the first waits")
        for refused in (await second.upgrade(OPENING + "websocket"), await third.ask("GET", OPENING + "polling")):
            assert refused.status == 503
            assert 1 <= int(refused.headers["retry-after"]) <= 5
        assert (await first.upgraded()).status == 101


async def test_who_waits_at_a_pod_that_leaves_is_sent_to_another(start_pod: StartPod) -> None:
    pod = await start_pod(
        roles="sockets", REALTIME_LIMITS__HANDSHAKES_PER_SECOND="0.5", REALTIME_LIMITS__HANDSHAKES_BURST="1"
    )
    await use_up(pod)
    async with Wire(pod.port) as wire:
        await wire.send(raw.upgrade_request(OPENING + "websocket"))
        await eventually(lambda: waiting(pod), 1, "it waits")
        pod.signal(signal.SIGTERM)
        refused = await wire.upgraded()
        assert (refused.status, "leaving" in refused.text) == (503, True)
    assert await pod.ended() == 0


async def test_who_goes_while_it_waits_harms_nobody(start_pod: StartPod) -> None:
    pod = await start_pod(roles="sockets", **SLOW)
    await use_up(pod)
    async with Wire(pod.port) as gone, Wire(pod.port) as flooding:
        await gone.send(raw.upgrade_request(OPENING + "websocket"))
        await flooding.send(raw.upgrade_request(OPENING + "websocket"))
        await eventually(lambda: waiting(pod), 1, "they wait")
        # Much more than may be kept for it: it waits in the network.
        sent = 0
        for _ in range(200):
            sent += flooding.send_nowait(b"\xff" * 65_536)
            await asyncio.sleep(0)
        assert sent < 200 * 65_536
        gone.cut()

        async def nobody_waits() -> bool:
            return not await waiting(pod)

        await eventually(nobody_waits, 5, "their turns have come")
        await eventually(lambda: flooding.is_cut(0.1), 5, "who breaks the protocol is cut")
    async with Wire(pod.port) as newcomer:

        async def gets_in() -> bool:
            return (await newcomer.ask("GET", OPENING + "polling")).status == 200

        await eventually(gets_in, 5, "another one gets in")
    assert "Traceback" not in pod.log_tail(1_000)
