import pytest

from realtime.broker.place import MAX_OFFSET, Place


@pytest.mark.parametrize("place", [Place("7Qx2f0aB", 1763890000123456), Place("a", 0), Place("_-" * 16, MAX_OFFSET)])
def test_a_place_is_read_as_it_was_written(place: Place) -> None:
    assert Place.parse(str(place)) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "a",
        "a:",
        ":1",
        "a:1:2",
        "a:-1",
        "a:1.0",
        "a: 1",
        "a:\u0661",  # a digit, in Arabic
        f"a:{MAX_OFFSET + 1}",
        "a" * 33 + ":1",
        "a:1\n",
    ],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a place looks like"):
        Place.parse(text)
