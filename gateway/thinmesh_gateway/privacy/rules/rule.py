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

Check = Callable[[re.Match[str]], bool]


def always(match: re.Match[str]) -> bool:
    """The shape alone says it."""
    return True


class Rule(NamedTuple):
    """What has this shape at a place, and passes the check, is the entity.

    A check may look 24 characters back, and up to the match's `endpos` but at most `reach` characters behind the match.
    """

    entity: Entity
    shape: re.Pattern[str]
    check: Check
    reach: int = 0


def shape(pattern: str) -> re.Pattern[str]:
    """A pattern that only knows ASCII."""
    return re.compile(pattern, re.ASCII)
