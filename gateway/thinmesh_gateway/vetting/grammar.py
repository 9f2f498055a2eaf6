"""Grammars of strangers, whose notation is the engine's: bounded in size and in depth. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate

MAX_CHARACTERS = 32 * 1024
MAX_DEPTH = 32
MAX_COUNT = 1000

_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|\'(?:[^\'\\\n]|\\.)*+\'?|\[(?:[^\]\\\n]|\\.)*+\]?')
_COUNT = re.compile(r"\{\s*+(\d*+)\s*+(?:,\s*+(\d*+)\s*+)?+\}")
_STACKED = re.compile(r"[*+][ \t]*[*+]")


def fault(grammar: str) -> str | None:
    """What is wrong with a grammar, in our words; none where it may go on."""
    if len(grammar) > MAX_CHARACTERS:  # and would be kept
        return f"has {len(grammar)} characters, at most {MAX_CHARACTERS} are allowed"
    return _fault(grammar)


@lru_cache(256)
def _fault(grammar: str) -> str | None:
    """Callers send the same ones again and again."""
    rules = _QUOTED.sub("x", grammar)
    if max(accumulate((one == "(") - (one == ")") for one in rules), default=0) > MAX_DEPTH:
        return f"has groups nested deeper than {MAX_DEPTH}"
    if _STACKED.search(rules):
        return "repeats a repetition"
    for found in _COUNT.finditer(rules):
        if any(len(count) > 4 or int(count or 0) > MAX_COUNT for count in found.groups("")):
            return f"has a repetition above {MAX_COUNT}"
    return None
