"""What the log says of itself, among its entries: where a chain begins and ends, and what is not in it. Pure.

Each is sealed like any other entry, so that nobody can explain away what was taken out.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from thinmesh_gateway.audit.chain import Sealed
from thinmesh_gateway.audit.entry import ALLOWED, LOG, Entry

START = "start"
STOP = "stop"
LOST = "lost"
MISSED = "missed"

UNREADABLE = "UNREADABLE"
"""The decision of an entry that is none."""

_FOLLOWED = re.compile(r"([0-9a-f]{16}) ([0-9]{1,18})")
_RANGE = re.compile(r"(database|file) ([0-9]{1,18})-([0-9]{1,18})")


class Missed(NamedTuple):
    """The numbers of a writer's entries that a place will never have."""

    place: str
    first: int
    last: int


def started(unix_ms: int, followed: Sealed | None) -> Entry:
    """A chain begins; `followed` is what its state folder's lines ended with, which bears witness to that."""
    seen = "" if followed is None else f"{followed.writer} {followed.number}"
    return Entry(unix_ms, LOG, START, ALLOWED, object=seen)


def stopped(unix_ms: int) -> Entry:
    """A chain ends, as it should."""
    return Entry(unix_ms, LOG, STOP, ALLOWED)


def lost(unix_ms: int, times: int) -> Entry:
    """So many entries were never sealed: more came than could be held."""
    return Entry(unix_ms, LOG, LOST, ALLOWED, times=times)


def missed(unix_ms: int, place: str, first: int, last: int) -> Entry:
    """A place was gone for so long that it will never have these."""
    return Entry(unix_ms, LOG, MISSED, ALLOWED, object=f"{place} {first}-{last}", times=last - first + 1)


def followed(entry: Entry) -> tuple[str, int] | None:
    """The writer and number that a chain's beginning bears witness to."""
    found = _FOLLOWED.fullmatch(entry.object) if (entry.surface, entry.operation) == (LOG, START) else None
    return None if found is None else (found[1], int(found[2]))


def told_missed(entry: Entry) -> Missed | None:
    """What an entry says that a place will never have."""
    found = _RANGE.fullmatch(entry.object) if (entry.surface, entry.operation) == (LOG, MISSED) else None
    return None if found is None else Missed(found[1], int(found[2]), int(found[3]))


def shown(sealed: Sealed) -> Entry:
    """An entry as lists have it; of one that somebody made none, that it is so."""
    try:
        return sealed.opened()
    except msgspec.DecodeError:
        return Entry(0, LOG, f"writer {sealed.writer} number {sealed.number} was altered", UNREADABLE)


def ends(entry: Entry) -> bool:
    """Whether nothing follows it in its chain."""
    return (entry.surface, entry.operation) == (LOG, STOP)
