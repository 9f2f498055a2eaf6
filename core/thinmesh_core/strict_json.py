"""JSON texts of strangers, read so that every parser behind us reads the same in them. Pure."""

from __future__ import annotations

import json
import math
import re
from array import array
from itertools import accumulate
from typing import Any, NoReturn

MAX_DEPTH = 64
"""Arrays and objects within each other. Engines parse what we pass on, and some by recursion in C++."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_OTHERS = bytes(set(range(256)) - set(b"[{]}"))


def parse(text: str) -> Any:
    """The value of a text; ValueError says what it is not, in our words.

    Refused are, beside what is no JSON: NaN, infinities and what is as good as one, half of a surrogate pair, an object with
    the same key twice, and what is nested deeper than MAX_DEPTH.
    """
    if not shallow(text):
        raise ValueError(f"is nested deeper than {MAX_DEPTH} levels")
    try:
        value = _DECODER.decode(text)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except AmbiguousError:
        raise
    except ValueError as error:
        raise ValueError("is no JSON") from error
    return value


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of these pairs; AmbiguousError where a key comes twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise AmbiguousError("has an object with the same key twice")
    return found


def shallow(text: str, most: int = MAX_DEPTH) -> bool:
    """Whether no bracket is deeper than that; the text need be no JSON."""
    if text.count("[") + text.count("{") <= most:
        return True
    brackets = array("b", _STRING.sub("", text).encode(errors="replace").translate(_STEPS, _OTHERS))
    return max(accumulate(brackets), default=0) <= most


class AmbiguousError(ValueError):
    """It is JSON, and parsers differ in what it says."""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise AmbiguousError("has a number that is too large")
    return value


def _integer(text: str) -> int:
    _float(text)
    return int(text)


_DECODER = json.JSONDecoder(object_pairs_hook=unique, parse_constant=_refuse, parse_float=_float, parse_int=_integer)
