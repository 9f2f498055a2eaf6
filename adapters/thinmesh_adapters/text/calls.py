"""Function calls out of JSON text as it is written: the name first, then the arguments character by character."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO

NewId = Callable[[], str]
"""Makes the id of a call."""


def new_id() -> str:
    """An id for a call whose engine gives it none."""
    return f"call_{secrets.token_hex(12)}"


_ARGUMENTS = ("arguments", "parameters")


@dataclass(frozen=True, slots=True)
class CallPiece:
    """A piece of the call number `index`; `id` and `name` stand in its first piece only."""

    index: int
    id: str | None
    name: str | None
    arguments: str


class JsonObject:
    """A JSON object while it is written: where the values of its own keys begin and end. Nested ones are text."""

    def __init__(self) -> None:
        self.length = 0
        """Characters that it took."""
        self.spans: dict[str, tuple[int, int | None]] = {}
        self.closed = False
        self._text = StringIO()
        self._depth = 0
        self._string = self._escaped = False
        self._from = 0
        self._key: str | None = None
        self._value = False

    @property
    def text(self) -> str:
        """All that it took."""
        return self._text.getvalue()

    def feed(self, text: str) -> str:
        """Takes what belongs to the object; gives back what follows it. ValueError for what is no object."""
        begins = self.length
        self._text.seek(begins)
        self._text.write(text)
        try:
            for character in text:
                if self.closed:
                    break
                self.length += 1
                self._take(character, self.length - 1)
        finally:
            self._text.truncate(self.length)
        return text[self.length - begins :]

    def value(self, key: str) -> str | None:
        """The raw text of a value, once it is whole."""
        start, end = self.spans.get(key, (0, None))
        return None if end is None else self.between(start, end).rstrip()

    def between(self, start: int, end: int | None) -> str:
        """A part of the text; an `end` that is not known yet is that of the text."""
        self._text.seek(start)
        return self._text.read((self.length if end is None else end) - start)

    def _take(self, character: str, at: int) -> None:
        if self._string:
            self._in_string(character, at)
            return
        if self._depth == 0 and character != "{":
            raise ValueError("no object")
        if self._value and self._key is not None and self._key not in self.spans and not character.isspace():
            self.spans[self._key] = (at, None)
        if character == '"':
            self._string, self._from = True, at
        elif character in "{[":
            self._depth += 1
        elif character in "}]":
            self._depth -= 1
            if self._depth == 0:
                self._ends(at)
                self.closed = True
        elif self._depth == 1 and character == ":":
            self._value = True
        elif self._depth == 1 and character == ",":
            self._ends(at)

    def _in_string(self, character: str, at: int) -> None:
        if self._escaped:
            self._escaped = False
        elif character == "\\":
            self._escaped = True
        elif character == '"':
            self._string = False
            if self._depth == 1 and not self._value:
                self._key = json.loads(self.between(self._from, at + 1))

    def _ends(self, at: int) -> None:
        if self._key in self.spans:
            self.spans[self._key] = (self.spans[self._key][0], at)
        self._key, self._value = None, False


class Call:
    """One call, from an object with a `name` and `arguments` (or `parameters`)."""

    def __init__(self, index: int, new_id: NewId) -> None:
        self.object = JsonObject()
        self.announced = False
        self._index = index
        self._new_id = new_id
        self._told = 0

    def feed(self, text: str) -> tuple[list[CallPiece], str]:
        """The pieces that the text completes, and what follows the object; ValueError for what is no call."""
        rest = self.object.feed(text)
        pieces: list[CallPiece] = []
        key = next((one for one in _ARGUMENTS if one in self.object.spans), None)
        known = not self.announced and (key is not None or self.object.closed)
        if known and (name := self.object.value("name")) is not None:
            spelt = _loaded(name)
            if not isinstance(spelt, str) or not spelt:
                raise ValueError("no name")
            spelt.encode()  # ValueError for half a character
            self.announced = True
            pieces.append(CallPiece(self._index, self._new_id(), spelt, "" if key is not None else "{}"))
        if self.announced and key is not None:
            pieces += self._arguments(key)
        if self.object.closed and not self.announced:
            raise ValueError("no call")
        return pieces, rest

    def _arguments(self, key: str) -> list[CallPiece]:
        start, end = self.object.spans[key]
        if self.object.between(start, start + 1) == '"':  # encoded twice: whole or not at all
            said = _decoded(self.object.value(key) or '""') if end is not None and not self._told else ""
            self._told = len(said)
        else:
            said = self.object.between(start + self._told, end).rstrip()
            self._told += len(said)
        return [CallPiece(self._index, None, None, said)] if said else []


class NamedCall:
    """One call whose name stands before its arguments."""

    def __init__(self, index: int, new_id: NewId, name: str) -> None:
        self.object = JsonObject()
        self.announced = False
        self._index = index
        self._new_id = new_id
        self._name = name

    def feed(self, text: str) -> tuple[list[CallPiece], str]:
        """The pieces that the text completes, and what follows the arguments."""
        rest = self.object.feed(text)
        said = text[: len(text) - len(rest)]
        if self.announced:
            return [CallPiece(self._index, None, None, said)], rest
        self.announced = True
        return [CallPiece(self._index, self._new_id(), self._name, said)], rest


def _loaded(text: str) -> object:
    try:
        said: object = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return said


def _decoded(arguments: str) -> str:
    """Arguments that were encoded twice; as they stand, where that would give no text."""
    try:
        said = str(_loaded(arguments))
        said.encode()
    except ValueError:
        return arguments
    return said
