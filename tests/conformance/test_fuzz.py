"""Some thousand inputs for each fuzzer; `fuzz.py` runs millions. And the references, held against known examples."""

from collections.abc import Iterator

import pytest
from hypothesis import seed

from conformance import reference
from conformance.fuzz import TARGETS, by_chance, property_of
from conformance.raw import close, frame, text
from conformance.world import World

# The same inputs with each run; who looks for new ones runs `fuzz.py`.
SEED = 20_261_124
BY_CHANCE = {"frames": 4_000, "packets": 5_000, "payloads": 400, "connections": 1_000}
BY_HYPOTHESIS = {"frames": 200, "packets": 300, "payloads": 80, "connections": 150}


@pytest.fixture(scope="module", autouse=True)
def world() -> Iterator[None]:
    yield
    World.end()


@pytest.mark.parametrize("name", TARGETS)
def test_what_chance_makes_up_is_handled_as_the_protocol_says(name: str) -> None:
    by_chance(TARGETS[name], BY_CHANCE[name], lambda _: None, SEED)


@pytest.mark.parametrize("name", TARGETS)
def test_what_hypothesis_makes_up_is_handled_as_the_protocol_says(name: str) -> None:
    seed(SEED)(property_of(TARGETS[name], BY_HYPOTHESIS[name]))()


def test_the_reference_reads_frames() -> None:
    assert reference.read_frames(text("x"), 10) == reference.Read([(1, "x")])
    assert reference.read_frames(text("x", fin=False) + frame(9) + frame(0, "y"), 10).events == [(9, b""), (1, "xy")]
    assert reference.read_frames(text("x" * 11), 10).violation == 1009
    assert reference.read_frames(text(b"\xff"), 10).violation == 1007
    assert reference.read_frames(text("x", rsv=1), 10).violation == 1002
    assert reference.read_frames(close(1000)[:-1], 10) == reference.Read()


@pytest.mark.parametrize(
    ("payload", "code"), [(b"", None), (b"\x03", 1002), (b"\x03\xe8", 1000), (b"\x03\xe8\xff", 1007)]
)
def test_the_reference_answers_closes(payload: bytes, code: int | None) -> None:
    assert reference.close_answer(payload) == code


def test_the_reference_reads_packets() -> None:
    read = reference.read_packet('51-/custom,7["a",{"_placeholder":true,"num":0}]')
    assert read == reference.SocketIOPacket(5, "/custom", 7, ["a", {"_placeholder": True, "num": 0}], 1)
    for wrong in ("", "7", "2", "2[]", "2{}", "2a[1]", '51["a"]', "3[]", "4{}", "0[]", "1{}", "2[NaN]"):
        with pytest.raises(reference.Wrong):
            reference.read_packet(wrong)
