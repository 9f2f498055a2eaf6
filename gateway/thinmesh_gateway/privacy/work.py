"""Work on texts in slices, between which whoever does it may let others have their turn. Pure."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TypeAlias, TypeVar, cast

T = TypeVar("T")

Work: TypeAlias = Generator[int, None, T]
"""Gives what comes of it; until then, again and again, how many characters it has looked at since."""

SLICE = 4096
"""The most characters of a text that are looked at in one go: half a millisecond of usual ones, 40 ms of the worst we know."""


def slices(text: str) -> Iterator[str]:
    """All of a text, in order."""
    return (text[start : start + SLICE] for start in range(0, len(text), SLICE))


def at_once(work: Work[T]) -> T:
    """What comes of it, for who has nothing else to do."""
    try:
        while True:
            next(work)
    except StopIteration as end:
        return cast("T", end.value)


def go_on(work: Work[T]) -> None:
    """Does a slice's worth of it; StopIteration has what comes of it."""
    left = SLICE
    while left > 0:
        left -= next(work)
