"""JSON schemas of strangers: small, shallow and closed in themselves, so that no engine loops, fetches or swells. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote

from thinmesh_core import strict_json
from thinmesh_gateway.vetting import pattern

MAX_CHARACTERS = 64 * 1024
MAX_SUBSCHEMAS = 10_000
"""With everything that `$ref` stands for in its place: engines that write a grammar put it there."""

MAX_DEPTH = 64
"""Subschemas within each other, those that `$ref` stands for among them."""

MAX_COUNT = 10_000
"""Of a keyword that asks for so many items, characters or properties."""

MAX_PATTERN_CHARACTERS = 4096

_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})
_DATA = frozenset({"const", "enum", "default", "examples", "example"})
_COUNTS = frozenset(
    {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties", "minContains", "maxContains"}
)
_MOVING = frozenset({"$dynamicRef", "$recursiveRef"})
_DIALECTS = ("http://json-schema.org/", "https://json-schema.org/")


def fault(text: str) -> str | None:
    """What is wrong with a schema, in our words; none where it may go on."""
    if len(text) > MAX_CHARACTERS:  # and would be kept
        return f"has {len(text)} characters, at most {MAX_CHARACTERS} are allowed"
    return _seen(text).fault


def pattern_characters(text: str) -> int:
    """How many characters the patterns have of a schema that may go on."""
    return _seen(text).pattern_characters


class _Seen(NamedTuple):
    fault: str | None
    pattern_characters: int = 0


@lru_cache(256)
def _seen(text: str) -> _Seen:
    """Callers send the same ones again and again."""
    try:
        schema = strict_json.parse(text)
        if isinstance(schema, dict):
            vetting = _Vetting(schema)
            vetting.size(schema, 0)
            return _Seen(None, vetting.pattern_characters)
    except ValueError as error:
        return _Seen(str(error))
    return _Seen("is no JSON object")


class _Vetting:
    """One look through a schema; what it raises says what is wrong."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._sizes: dict[int, int | None] = {}
        self.pattern_characters = 0

    def size(self, schema: object, depth: int) -> int:
        """How many subschemas it is with those that it refers to."""
        if isinstance(schema, list):
            return sum(self.size(one, depth) for one in schema)
        if not isinstance(schema, dict):
            return 0
        if depth > MAX_DEPTH:
            raise ValueError(f"has subschemas nested deeper than {MAX_DEPTH}")
        if id(schema) in self._sizes:
            known = self._sizes[id(schema)]
            if known is None:
                raise ValueError("has a $ref that leads back to itself")
            return known
        self._sizes[id(schema)] = None
        total = 1
        for keyword, value in schema.items():
            total += self._keyword(schema, keyword, value, depth)
            if total > MAX_SUBSCHEMAS:
                raise ValueError(f"comes to more than {MAX_SUBSCHEMAS} subschemas")
        self._sizes[id(schema)] = total
        return total

    def _keyword(self, schema: dict[str, Any], keyword: str, value: object, depth: int) -> int:
        if keyword in _DATA:
            return 0
        if keyword in _MAPS and isinstance(value, dict):
            if keyword == "patternProperties":
                for key in value:
                    self._pattern(key)
            return sum(self.size(one, depth + 1) for one in value.values())
        if keyword == "pattern" and isinstance(value, str):
            self._pattern(value)
        elif keyword == "$ref":
            return self.size(self._referred(value), depth + 1)
        elif keyword in _COUNTS and isinstance(value, int | float) and value > MAX_COUNT:
            raise ValueError(f"has a {keyword} above {MAX_COUNT}")
        elif keyword in _MOVING or (keyword in {"$id", "id"} and isinstance(value, str) and schema is not self._root):
            raise ValueError(f"has a {keyword}, which is not served")
        elif keyword == "$schema" and not (isinstance(value, str) and value.startswith(_DIALECTS)):
            raise ValueError("has a $schema that is none of json-schema.org's")
        return self.size(value, depth + 1)

    def _pattern(self, text: str) -> None:
        self.pattern_characters += len(text)
        if self.pattern_characters > MAX_PATTERN_CHARACTERS:
            raise ValueError(f"has patterns of more than {MAX_PATTERN_CHARACTERS} characters together")
        wrong = pattern.fault(text)
        if wrong is not None:
            raise ValueError(f"has a pattern that {wrong}")

    def _referred(self, reference: object) -> object:
        """What a reference into the schema itself stands for (RFC 6901)."""
        if not (isinstance(reference, str) and (reference == "#" or reference.startswith("#/"))):
            raise ValueError("has a $ref that is not to a part of the schema itself: #/$defs/...")
        found: object = self._root
        for part in unquote(reference).split("/")[1:]:
            step = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and step in found:
                found = found[step]
            elif isinstance(found, list) and step.isdecimal() and int(step[:6]) < len(found):
                found = found[int(step[:6])]
            else:
                raise ValueError("has a $ref to a part that does not exist")
        if isinstance(found, dict | bool):
            return found
        raise ValueError("has a $ref to a part that is no schema")
