"""One packet, many sockets: in order, to the living, and a slow one costs only itself."""

import asyncio

import pytest

from realtime.broker.memory import MemoryHub
from realtime.transports.socketio.fanout import Fanout
from unit.transports.pods import Browser, SocketPod

LIMIT = 3


@pytest.fixture
def pod(hub: MemoryHub) -> SocketPod:
    return SocketPod(hub, "pod-aaaa", waiting_max_messages=LIMIT)


@pytest.fixture
def fanout(pod: SocketPod) -> Fanout:
    return pod.fanout


async def test_a_packet_reaches_every_socket_in_order(pod: SocketPod, fanout: Fanout) -> None:
    browsers = [Browser(pod) for _ in range(3)]
    for text in ('2["a"]', '2["b"]'):
        assert fanout.write((browser.eio_sid for browser in browsers), [text]) == (3, [])
    assert [browser.hear_packets() for browser in browsers] == [['2["a"]', '2["b"]']] * 3


async def test_a_packet_is_encoded_once_for_all(pod: SocketPod, fanout: Fanout) -> None:
    browsers = [Browser(pod) for _ in range(3)]
    fanout.write([browser.eio_sid for browser in browsers], ["2[]"])
    assert len({id(browser.socket.queue.get_nowait()) for browser in browsers}) == 1


async def test_binary_attachments_follow_their_packet(pod: SocketPod, fanout: Fanout) -> None:
    browser = Browser(pod)
    assert fanout.write([browser.eio_sid], ['51-["a",{"_placeholder":true,"num":0}]', b"\xff"]) == (1, [])
    assert browser.hear_packets() == ['51-["a",{"_placeholder":true,"num":0}]', b"\xff"]


async def test_a_socket_with_too_much_waiting_is_named_and_given_no_more(pod: SocketPod, fanout: Fanout) -> None:
    slow, quick = Browser(pod), Browser(pod)
    both = [slow.eio_sid, quick.eio_sid]
    for _ in range(LIMIT):
        assert fanout.write(both, ["2[]"]) == (2, [])
        quick.hear_packets()
    assert fanout.write(both, ["2[]"]) == (1, [slow.eio_sid])
    assert len(slow.hear_packets()) == LIMIT
    assert len(quick.hear_packets()) == 1


@pytest.mark.parametrize("state", ["closed", "closing"])
async def test_a_socket_that_closes_is_left_out(pod: SocketPod, fanout: Fanout, state: str) -> None:
    browser = Browser(pod)
    setattr(browser.socket, state, True)
    assert fanout.write([browser.eio_sid, "unknown"], ["2[]"]) == (0, [])
    assert browser.hear_packets() == []


async def test_closing_ends_the_writer_after_what_waits(pod: SocketPod, fanout: Fanout) -> None:
    browser = Browser(pod)
    fanout.write([browser.eio_sid], ["2[]"])
    for _ in range(2):
        await fanout.close(browser.eio_sid)
    first, *others = [browser.socket.queue.get_nowait() for _ in range(browser.socket.queue.qsize())]
    assert first.data == "2[]"
    assert others[-1] is None
    assert browser.socket.closed


async def test_closing_what_is_not_there_does_nothing(fanout: Fanout) -> None:
    await asyncio.wait_for(fanout.close("unknown"), 1)
