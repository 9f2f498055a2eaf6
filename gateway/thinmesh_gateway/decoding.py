"""JSON bodies into the types that describe them, and our words for what is wrong with them. Pure."""

from __future__ import annotations

import json
import re
from typing import TypeVar

import msgspec

from thinmesh_core import strict_json
from thinmesh_core.errors import MeshError, invalid

B = TypeVar("B")

MAX_KEYS = 50_000
"""Of all objects of a body together: the longest conversation has fewer, and each costs."""

_FIELD = re.compile(r"Object (?:contains (unknown) field|missing required field) `(.*)`", re.DOTALL)

_unique = json.JSONDecoder(object_pairs_hook=strict_json.unique).raw_decode


def decoded(decoder: msgspec.json.Decoder[B], data: bytes) -> B:
    """The body; INVALID_REQUEST that names the field where JSON, a type or a field is wrong.

    A key that comes twice is refused, which msgspec does not see: whoever reads the body before us may take the other one.
    """
    if _many_keys(data):
        raise invalid("body", f"The body has more than {MAX_KEYS} keys.")
    try:
        body = decoder.decode(data)
        _unique(data.decode().lstrip())  # that all of it is JSON is known by now
    except msgspec.ValidationError as error:
        raise _mistyped(str(error)) from error
    except strict_json.AmbiguousError as error:
        raise invalid("body", f"The body {error}.") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise invalid("body", "The body is no valid JSON.") from error
    except RecursionError as error:
        raise invalid("body", "The body is nested too deeply.") from error
    return body


def _many_keys(data: bytes) -> bool:
    if min(data.count(b":"), data.count(b'"') // 2) <= MAX_KEYS:
        return False
    plain = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, b" \t\r\n")  # a quote that is escaped ends no key
    return plain.count(b'":') > MAX_KEYS


def _mistyped(text: str) -> MeshError:
    """Makes msgspec's words into ours: "Expected `int`, got `str` - at `$.max_tokens`"."""
    what, _, where = text.partition(" - at `")
    path = where.rpartition("$")[2].rstrip("`").lstrip(".")
    if (found := _FIELD.fullmatch(what)) is not None:  # a value may hold the same words
        unknown, field = found.groups()
        path = f"{path}.{field}" if path else field
        return invalid(path or "body", f"Unknown field {path!r}." if unknown else f"The field {path!r} is missing.")
    return invalid(path or "body", f"{path or 'The body'}: {what[:1].lower()}{what[1:]}.")
