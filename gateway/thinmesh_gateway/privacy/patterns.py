"""A tenant's own patterns, on RE2: no pattern takes more than linear time. Pure.

They are looked for inside words: what stands between two white spaces, of less than a window's length. A longer word
is looked at by nobody, for a stream may not be held back until it ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import re2

from thinmesh_core.config import ConfigError

MAX_PATTERNS = 32
MAX_CHARACTERS = 256
MAX_MEMORY = 1 << 20
"""Bytes that RE2 may use for all patterns of a tenant together; what needs more is refused."""

_WORD = re.compile(r"\S+")
_ANCHOR = re.compile(r"(?:[^\\]|\\.)*?(?:\$|(?<!\[)\^|\\[AzZ])")


class Patterns:
    """Some named patterns; of those that match at one place the first counts."""

    __slots__ = ("_any", "_names")

    def __init__(self, patterns: Mapping[str, str]) -> None:
        """ConfigError names the pattern that can't be served, and why."""
        if len(patterns) > MAX_PATTERNS:
            raise ConfigError(f"privacy.patterns has {len(patterns)} entries, at most {MAX_PATTERNS} are allowed")
        for name, pattern in patterns.items():
            if fault := _fault(pattern):
                raise ConfigError(f"privacy.patterns.{name} {fault}")
        self._names = tuple(patterns)
        together = _compiled("|".join(f"({pattern})" for pattern in patterns.values()))
        if together is None:
            raise ConfigError("privacy.patterns are too large together")
        self._any = together

    def find(self, text: str, at: int, longest: int, *, final: bool) -> Iterator[tuple[str, int, int]]:
        """Name, start and end of every match from `at` on, in words shorter than `longest` that are known to have ended."""
        first = max(at - longest, 0)
        if self._any.search(text[first:]) is None:
            return
        for word in _WORD.finditer(text, first):
            if not final and word.end() == len(text):
                return
            if word.end() <= at or word.end() - word.start() >= longest:
                continue
            for match in self._any.finditer(word[0]):
                start, end = match.span()
                if word.start() + start >= at and end > start:
                    yield self._names[match.lastindex - 1], word.start() + start, word.start() + end


def _fault(pattern: str) -> str | None:
    """What is wrong with a pattern."""
    if len(pattern) > MAX_CHARACTERS:
        return f"has {len(pattern)} characters, at most {MAX_CHARACTERS} are allowed"
    if _ANCHOR.match(pattern):
        return "has an anchor, but is looked for inside words: write \\b, \\^ or \\$"
    compiled = _compiled(pattern)
    if compiled is None:
        return "is no pattern that RE2 takes: look-around, references back and large counts are not served"
    if compiled.groups:
        return "captures a group: write (?:...)"
    if compiled.search("") is not None:
        return "matches the empty text"
    return None


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False  # it would print the pattern
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None
