"""Where a fuzzer's decisions come from: hypothesis, which makes small what it finds, or chance, which is quick."""

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

Option = TypeVar("Option")
Input = TypeVar("Input")


class Source(Protocol):
    """Decides."""

    def pick(self, options: Sequence[Option]) -> Option:
        """One of these; what stands there often is picked often."""
        ...

    def number(self, low: int, high: int) -> int:
        """A number from low to high."""
        ...

    def blob(self, max_bytes: int) -> bytes:
        """Some bytes."""
        ...

    def word(self, max_characters: int) -> str:
        """Some text that can be encoded."""
        ...


# To make a strategy takes longer than to draw from it.
_numbers = cache(st.integers)
_blobs = cache(lambda max_bytes: st.binary(max_size=max_bytes))
_words = cache(lambda max_size: st.text(st.characters(exclude_categories=["Cs"]), max_size=max_size))


class Drawn:
    """See `Source`; hypothesis decides."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def pick(self, options: Sequence[Option]) -> Option:
        return options[self.number(0, len(options) - 1)]

    def number(self, low: int, high: int) -> int:
        return self._draw(_numbers(low, high))

    def blob(self, max_bytes: int) -> bytes:
        return self._draw(_blobs(max_bytes))

    def word(self, max_characters: int) -> str:
        return self._draw(_words(max_characters))


class Chance:
    """See `Source`; a random number generator decides."""

    _CHARACTERS = 'abc {}[]"\\/,:-0129eE.\x00\n\x1eäκ٣\u2028\ufffe\N{GRINNING FACE}'

    def __init__(self, generator: random.Random) -> None:
        self._random = generator
        self.pick = generator.choice
        self.number = generator.randint

    def blob(self, max_bytes: int) -> bytes:
        return self._random.randbytes(self._random.randint(0, max_bytes))

    def word(self, max_characters: int) -> str:
        return "".join(self._random.choices(self._CHARACTERS, k=self._random.randint(0, max_characters)))


class Consumed:
    """See `Source`; the bytes of an atheris `FuzzedDataProvider` decide."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def pick(self, options: Sequence[Option]) -> Option:
        return options[self.number(0, len(options) - 1)]

    def number(self, low: int, high: int) -> int:
        return int(self._provider.ConsumeIntInRange(low, high))

    def blob(self, max_bytes: int) -> bytes:
        return bytes(self._provider.ConsumeBytes(self.number(0, max_bytes)))

    def word(self, max_characters: int) -> str:
        return str(self._provider.ConsumeUnicodeNoSurrogates(self.number(0, max_characters)))


def strategy(make: Callable[[Source], Input]) -> st.SearchStrategy[Input]:
    """Make hypothesis decide for a maker of inputs."""

    @st.composite
    def drawn(draw: Any) -> Input:
        return make(Drawn(draw))

    return drawn()
