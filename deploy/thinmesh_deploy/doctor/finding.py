"""One thing that the doctor has to say. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is: `wrong` keeps calls from being served, `warning` may soon, `note` is good to know."""

    WRONG = "wrong"
    WARNING = "warning"
    NOTE = "note"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """Where something was looked at, what was found there, and what to do about it."""

    where: str
    level: Level
    what: str
    do: str = ""


def wrong(where: str, what: str, do: str) -> Finding:
    """Calls are not served for it."""
    return Finding(where, Level.WRONG, what, do)


def warning(where: str, what: str, do: str) -> Finding:
    """It may soon be wrong, or is where this machine is the one that is meant."""
    return Finding(where, Level.WARNING, what, do)


def note(where: str, what: str, do: str = "") -> Finding:
    """It is good to know."""
    return Finding(where, Level.NOTE, what, do)


def ok(where: str, what: str) -> Finding:
    """It was looked at, and nothing is to be done."""
    return Finding(where, Level.OK, what)


_ORDER = list(Level)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """What is wrong before what may be; else as they came."""
    return sorted(findings, key=lambda one: _ORDER.index(one.level))
