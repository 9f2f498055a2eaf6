"""Regular expressions of strangers: only such as no engine, whatever it matches with, gets stuck in. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate

import re2

from thinmesh_gateway.vetting.backtracking import explodes

MAX_CHARACTERS = 1024
MAX_DEPTH = 32
MAX_COMPILED_BYTES = 1 << 20

_UNICODE_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False  # it would print the pattern
_OPTIONS.max_mem = MAX_COMPILED_BYTES


def fault(pattern: str) -> str | None:
    """What is wrong with a pattern, in our words; none where it may go on.

    RE2 takes no look-around and no references back, and bounds what repetitions come to (https://github.com/google/re2/wiki/Syntax).
    It never tracks back itself, but an engine may: so nothing passes either that takes exponential time there.
    """
    if len(pattern) > MAX_CHARACTERS:  # and would be kept
        return f"has {len(pattern)} characters, at most {MAX_CHARACTERS} are allowed"
    return _fault(pattern)


@lru_cache(256)
def _fault(pattern: str) -> str | None:
    """Callers send the same ones again and again."""
    if max(accumulate((one == "(") - (one == ")") for one in pattern), default=0) > MAX_DEPTH:
        return f"has groups nested deeper than {MAX_DEPTH}"
    pattern = _UNICODE_ESCAPE.sub(r"\\x{\1}", pattern)  # JSON schemas are written for ECMAScript
    try:
        re2.compile(pattern, _OPTIONS)
    except (re2.error, UnicodeEncodeError):
        return "is no regular expression that RE2 takes: look-around, references back and large counts are not served"
    if explodes(pattern):
        return "repeats a group that can match the same text in many ways, or that is too large to tell"
    return None
