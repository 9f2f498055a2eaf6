"""The engine behind a tested server, as far as the kit drives it, and the half of a fake one that no protocol decides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import cycle
from typing import Literal, Protocol

from thinmesh_adapters.echo import tokens


class Trouble(Enum):
    """What can go wrong with an engine."""

    STALL = "it says nothing more, and goes on working until its caller leaves"
    LOSS = "its connection breaks"
    FAILURE = "it says that it failed, in its own words"


@dataclass(frozen=True, slots=True)
class Fault:
    """A trouble in every generation, once it has said so many tokens. `words` are those of a failure."""

    trouble: Trouble
    after: int = 0
    words: str = ""


class EngineSwitches(Protocol):
    """What the kit asks of a fake engine beside its protocol.

    `fault` is what happens to generations from now on; None: nothing. `prompts` are the texts of all that were asked for,
    the last message's of a conversation.
    """

    fault: Fault | None
    prompts: list[str]

    async def working_on(self, requests: int) -> None:
        """Returns as soon as it works on exactly so many generations."""


@contextmanager
def faulty(engine: EngineSwitches, trouble: Trouble, *, after: int = 0, words: str = "") -> Iterator[None]:
    """An engine with this fault, and well again."""
    engine.fault = Fault(trouble, after, words)
    try:
        yield
    finally:
        engine.fault = None


class EngineLostError(Exception):
    """A fake engine breaks the connection that it answers on."""


class EngineFailedError(Exception):
    """A fake engine reports this failure as its protocol does."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a fake engine says next. A token is bytes, as in every vocabulary: a character may be split over two."""

    data: bytes
    finish: Literal["stop", "length"] | None = None


class ScriptedEngine:
    """A fake engine without its protocol: says the prompt's words, and has the switches.

    A fake engine is one of these behind a socket: it reads a request, sends what `answer` yields, and leaves `answer` when
    its caller leaves. EngineLostError and EngineFailedError come out of it where a fault asks for them.
    """

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.prompts: list[str] = []
        self._working = 0
        self._changed = asyncio.Event()

    async def working_on(self, requests: int) -> None:
        """Returns as soon as it works on exactly so many generations."""
        while self._working != requests:
            await self._changed.wait()

    async def answer(
        self, prompt: str, *, most: int | None = None, stops: Sequence[str] = (), endless: bool = False
    ) -> AsyncGenerator[Token, None]:
        """The prompt's words until `most` tokens or a stop text; over and over while `endless`. The last token is empty."""
        self.prompts.append(prompt)
        text, stopped = _before_stop(prompt, stops)
        said = [piece for word in tokens(text) for piece in _split(word)]
        cut = most is not None and (most < len(said) or (endless and not stopped))
        count = most if most is not None and cut else len(said)
        with self._counted():
            for number, data in zip(range(count), cycle(said), strict=False):
                await self._suffer(number)
                yield Token(data)
            await self._suffer(count)
            yield Token(b"", "length" if cut else "stop")

    async def _suffer(self, said: int) -> None:
        await asyncio.sleep(0)  # tokens come one by one: others have their turn between two
        fault = self.fault
        if fault is None or said < fault.after:
            return
        match fault.trouble:
            case Trouble.STALL:
                await asyncio.Event().wait()
            case Trouble.LOSS:
                raise EngineLostError
            case Trouble.FAILURE:
                raise EngineFailedError(fault.words)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self._working += change
        self._changed.set()
        self._changed = asyncio.Event()


def _before_stop(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    places = [place for place in map(text.find, stops) if place >= 0]
    return (text[: min(places)], True) if places else (text, False)


def _split(word: str) -> list[bytes]:
    """A word as tokens: one, or two that share a character where it has some of several bytes."""
    data = word.encode()
    wide = next((place for place, byte in enumerate(data) if byte >= 0x80), None)
    return [data] if wide is None else [data[: wide + 1], data[wide + 1 :]]
