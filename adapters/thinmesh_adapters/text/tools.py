"""The ways in which models write tool calls into their text, and how to read them back as they are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from thinmesh_adapters.text.calls import Call, CallPiece, NamedCall, NewId
from thinmesh_adapters.text.stops import overlap

Piece = str | CallPiece
"""Text of the answer, or a piece of a call."""

TOOL_CALL, TOOL_CALL_END = "<tool_call>", "</tool_call>"
PYTHON_TAG = "<|python_tag|>"
TOOL_CALLS, ARGS = "[TOOL_CALLS]", "[ARGS]"
MARKS = frozenset({TOOL_CALL, TOOL_CALL_END, PYTHON_TAG, TOOL_CALLS, ARGS})
"""What stands around calls; some models have a token for it, which they call special."""

_BETWEEN = " \r\n\t,;[]"
_NAME = re.compile(r"[\w.-]+")


class ToolParser(Protocol):
    """Reads one answer. What turns out to be no call is given as text."""

    def feed(self, text: str) -> list[Piece]:
        """The pieces that this text completes."""
        ...

    def end(self) -> list[Piece]:
        """What was held back."""
        ...


class MarkedCalls:
    """Calls behind a mark: `<tool_call>{...}</tool_call>`, `[TOOL_CALLS][{...}, {...}]`, `[TOOL_CALLS]name[ARGS]{...}`.

    `close` ends a call and is left out; `args` stands between a name and its arguments, where names stand before them;
    `inside` begins behind a mark.
    """

    def __init__(self, new_id: NewId, mark: str, *, close: str = "", args: str = "", inside: bool = False) -> None:
        self._new_id = new_id
        self._mark = mark
        self._close = close
        self._args = args
        self._inside = inside
        self._opening = ""  # what is to be said after all, should no call follow
        self._held = ""
        self._call: Call | NamedCall | None = None
        self._count = 0

    def feed(self, text: str) -> list[Piece]:
        """The pieces that this text completes."""
        self._held += text
        pieces: list[Piece] = []
        before = None
        while before != (before := (self._held, self._inside, self._call)):
            pieces += self._read() if self._call else self._between() if self._inside else self._look()
        return pieces

    def end(self) -> list[Piece]:
        """What was held back."""
        said = self._opening + (self._call.object.text if self._call is not None else "") + self._held
        told = self._call.announced if self._call is not None else self._inside and not self._opening
        self._held, self._opening, self._call = "", "", None
        return [] if told or not said else [said]

    def _look(self) -> list[Piece]:
        """Outside of calls: text, up to a mark."""
        said, found, rest = self._held.partition(self._mark)
        if found:
            self._inside, self._opening, self._held = True, self._mark, rest
        else:
            keep = overlap(self._held, self._mark)
            said, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return [said] if said else []

    def _between(self) -> list[Piece]:
        """Behind a mark: a call begins, or the mark is closed, or it was no mark."""
        bare = self._held.lstrip(_BETWEEN)
        name = _NAME.match(bare) if self._args else None
        if bare.startswith("{"):
            self._begin(Call(self._count, self._new_id), bare)
        elif name is not None:
            arguments = bare[name.end() :].removeprefix(self._args).lstrip()
            if arguments.startswith("{"):
                self._begin(NamedCall(self._count, self._new_id, name[0]), arguments)
            elif arguments and not self._args.startswith(arguments):
                return self._no_call()
        elif self._close and bare.startswith(self._close):
            self._inside, self._opening, self._held = False, "", bare.removeprefix(self._close)
        elif not self._close.startswith(bare):
            return self._no_call()
        return []

    def _no_call(self) -> list[Piece]:
        said, self._opening, self._inside = self._opening, "", False
        return [said] if said else []

    def _begin(self, call: Call | NamedCall, text: str) -> None:
        self._call, self._held = call, text
        self._count += 1

    def _read(self) -> list[Piece]:
        """Inside of a call."""
        assert self._call is not None
        held, self._held = self._held, ""
        read = self._call.object.length
        try:
            found, self._held = self._call.feed(held)
        except ValueError:  # what looked like a call is none: it was text all along
            self._held = held[self._call.object.length - read :]
            said = "" if self._call.announced else self._opening + self._call.object.text
            self._call, self._inside, self._opening = None, False, ""
            return [said] if said else []
        if self._call.object.closed:
            self._call, self._opening = None, ""
        return list(found)


class BareCalls:
    """An answer that is nothing but calls: `{...}`, several with `;` between them, perhaps behind `<|python_tag|>`."""

    def __init__(self, new_id: NewId) -> None:
        self._calls = MarkedCalls(new_id, PYTHON_TAG)
        self._new_id = new_id
        self._held = ""
        self._begun = False

    def feed(self, text: str) -> list[Piece]:
        """The pieces that this text completes."""
        if self._begun:
            return self._calls.feed(text)
        self._held += text
        bare = self._held.lstrip()
        if not bare:
            return []
        self._begun = True
        held, self._held = self._held, ""
        if bare.startswith("{"):
            self._calls = MarkedCalls(self._new_id, PYTHON_TAG, inside=True)
        return self._calls.feed(held)

    def end(self) -> list[Piece]:
        """What was held back."""
        held, self._held = self._held, ""
        return [held] if held else self._calls.end()


@dataclass(frozen=True, slots=True)
class Style:
    """How a family of models writes calls.

    `reader` reads what it writes by itself. An engine that is made to write calls puts `before` and the name, `between`,
    the arguments, `after`, and `separator` between two; `forced_reader` reads that.
    """

    reader: Callable[[NewId], ToolParser]
    before: str
    between: str
    after: str
    separator: str
    forced_reader: Callable[[NewId], ToolParser]


_HERMES = partial(MarkedCalls, mark=TOOL_CALL, close=TOOL_CALL_END)

STYLES: Mapping[str, Style] = {
    "hermes": Style(_HERMES, f'{TOOL_CALL}\n{{"name": ', ', "arguments": ', f"}}\n{TOOL_CALL_END}", "\n", _HERMES),
    "llama3": Style(BareCalls, '{"name": ', ', "parameters": ', "}", "; ", BareCalls),
    # [TOOL_CALLS] is a special token, which no grammar can ask for: forced calls are written without it.
    "mistral": Style(partial(MarkedCalls, mark=TOOL_CALLS, args=ARGS), '{"name": ', ', "arguments": ', "}", ", ", BareCalls),
}
"""How families of models write calls: Hermes and Qwen, Llama 3 with JSON, Mistral."""


def detect(template: str) -> str | None:
    """The style that a chat template teaches its model; none that is known."""
    marks = {"hermes": TOOL_CALL, "mistral": TOOL_CALLS, "llama3": '"parameters"'}
    return next((style for style, mark in marks.items() if mark in template), None)
