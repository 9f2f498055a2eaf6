"""The lines of a batch's file: what one must be, what is wrong with a file, and the ranges that it is done in. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

import msgspec

from thinmesh_core.strict_json import shallow
from thinmesh_core.wire import MAX_REQUEST_BYTES

ENDPOINTS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")

MAX_LINES = 50_000
MAX_LINE_BYTES = MAX_REQUEST_BYTES - 4096
"""A line's body is one message to the gateway."""

MAX_DEPTH = 200
"""Of objects and arrays within each other: below it a line is read wherever it is read, above that depends on the stack."""

MAX_ERRORS = 100
"""Errors of one file that are told."""

RANGE_LINES = 100
RANGE_BYTES = 4 * 1024 * 1024
"""What one step takes of a file: so many lines, or so many bytes and the line that they end in."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a file: for programs and for people, with the line's number from 1 and its field where it has one."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


class Line(msgspec.Struct, frozen=True):
    """One request; what it knows of beyond these is ignored."""

    custom_id: str
    method: Literal["POST"]
    url: str
    body: msgspec.Raw


class _Named(msgspec.Struct):
    """A body, as far as it is looked at: it is an object."""


@dataclass(frozen=True, slots=True)
class Range:
    """Some lines that follow each other: where they begin in the file, how long they are, the first one's number from 1."""

    start: int
    length: int
    first: int
    lines: int


class Splitter:
    """Cuts bytes, as they come, into lines. It never holds more than a line of the largest kind and what came last."""

    def __init__(self) -> None:
        self._held = bytearray()

    def add(self, data: bytes) -> Iterator[bytes]:
        """The lines that are whole now, each with its end; lines of nothing but spaces that follow one are its end too."""
        self._held += data
        start = 0
        while (end := _END.search(self._held, start)) is not None:
            yield bytes(self._held[start : end.end()])
            start = end.end()
        del self._held[:start]
        if len(self._held) > MAX_LINE_BYTES:  # what it is does not matter any more: it is too long
            yield bytes(self._held)
            self._held.clear()

    def rest(self) -> Iterator[bytes]:
        """The last line, where it has no end."""
        if self._held:
            yield bytes(self._held)


@dataclass(slots=True)
class Examination:
    """Looks at a file line by line: what is wrong with it, and its ranges."""

    endpoint: str
    errors: list[Problem] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)
    lines: int = 0
    _at: int = 0
    _begun: Range | None = None
    _ids: set[bytes] = field(default_factory=set)

    @property
    def over(self) -> bool:
        """Whether no more has to be looked at."""
        return len(self.errors) >= MAX_ERRORS or self.lines > MAX_LINES

    def add(self, text: bytes) -> None:
        """Looks at the next line; one of nothing but spaces is none."""
        start, self._at = self._at, self._at + len(text)
        if text.strip():
            self.lines += 1
            self._check(text)
            begun = self._begun or Range(start, 0, self.lines, 0)
            self._begun = Range(begun.start, self._at - begun.start, begun.first, begun.lines + 1)
            if self._begun.lines >= RANGE_LINES or self._begun.length >= RANGE_BYTES:
                self._cut()

    def end(self) -> None:
        """There are no more."""
        self._cut()
        if self.lines > MAX_LINES:
            self.errors.append(Problem("too_many_tasks", f"A file has at most {MAX_LINES} lines."))
        if not self.lines:
            self.errors.append(Problem("empty_file", "The file has no line."))

    def _cut(self) -> None:
        if self._begun is not None:
            self.ranges.append(self._begun)
            self._begun = None

    def _check(self, text: bytes) -> None:
        if (text.find(b"\n") + 1 or len(text)) > MAX_LINE_BYTES:
            self._wrong("line_too_large", f"A line has at most {MAX_LINE_BYTES} bytes.")
            return
        if not shallow(text.decode(errors="replace"), MAX_DEPTH):
            self._wrong("line_too_deep", f"A line has at most {MAX_DEPTH} objects and arrays within each other.")
            return
        try:
            line = decoded(text)
        except msgspec.ValidationError as error:
            self._wrong("invalid_request", f"A line has custom_id, method POST, url and body: {error}.")
            return
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._wrong("invalid_json_line", "This line is no JSON object.")
            return
        digest = sha256(line.custom_id.encode(errors="surrogatepass")).digest()[:16]
        if not line.custom_id or len(line.custom_id) > 512:
            self._wrong("invalid_custom_id", "A custom_id has 1 to 512 characters.", "custom_id")
        elif digest in self._ids:
            self._wrong("duplicate_custom_id", "Another line has this custom_id.", "custom_id")
        elif line.url != self.endpoint:
            self._wrong("mismatched_url", f"The line's url is not the batch's endpoint, {self.endpoint}.", "url")
        self._ids.add(digest)

    def _wrong(self, code: str, message: str, param: str | None = None) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(Problem(code, message, self.lines, param))


def decoded(text: bytes) -> Line:
    """A line; what it raises is msgspec's."""
    line = _DECODER.decode(text)
    msgspec.json.decode(line.body, type=_Named)
    return line


_END = re.compile(rb"\n(?:[ \t\r]*+\n)*+")
_DECODER = msgspec.json.Decoder(Line)
