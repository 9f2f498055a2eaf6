"""A shape, what it is, and what makes it so."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from thinmesh_gateway.privacy.entities import Entity

START = r"(?<![0-9A-Za-z])"
"""Before it is no ASCII letter or digit. A Korean one may be: particles are glued on, and to \\b they are one word."""

END = r"(?![0-9A-Za-z])(?!-\d)"
"""The same behind it; nor does the number go on."""

BETWEEN = r"( ?[-./_~] ?| |)"
"""What stands between the parts of a number, the same between all of them: a group to refer back to."""

Check = Callable[[re.Match[str]], bool]


def always(match: re.Match[str]) -> bool:
    """The shape alone says it."""
    return True


class Rule(NamedTuple):
    """What has this shape at a place, and passes the check, is the entity.

    `first` has the characters that it may begin with: the shape is tried at no other.
    A check may look 40 characters back, and up to the match's `endpos` but at most `reach` characters behind the match.
    """

    entity: Entity
    shape: re.Pattern[str]
    check: Check
    first: str = "0123456789"
    reach: int = 0


def shape(pattern: str) -> re.Pattern[str]:
    """A pattern that only knows ASCII."""
    return re.compile(pattern, re.ASCII)
