"""Spans as the parts see them: begun with a call, ended with what is known of it. Where traces are off they are nothing."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import TracebackType
from typing import Protocol, Self

import msgspec

from thinmesh_core.call import Call
from thinmesh_core.telemetry import outcome

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
MODEL = "gen_ai.request.model"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
FIRST_TOKEN = "gen_ai.response.time_to_first_chunk"  # noqa: S105  # no secret
REQUEST_ID = "thinmesh.request_id"
TENANT = "thinmesh.tenant"
PRIORITY = "thinmesh.priority"
BACKEND = "thinmesh.backend"

Attributes = Mapping[str, str | int | float | bool]


class Kind(Enum):
    """Which side of a call a span is."""

    SERVER = auto()
    CLIENT = auto()


class Span(Protocol):
    """A hop's part of a trace. `context` is the traceparent that goes on with the call; `kept` is whether it will be sent."""

    context: str
    kept: bool

    def end(self, name: str, attributes: Attributes, error: str | None) -> None:
        """Ends it, once."""
        ...


class Begin(Protocol):
    """Begins a span, at a time of time.perf_counter if not now; none where its parent is not traced."""

    def __call__(self, name: str, kind: Kind, context: str | None, since: float | None = None) -> Span | None:
        """The span."""
        ...


def off(name: str, kind: Kind, context: str | None, since: float | None = None) -> Span | None:
    """Begins nothing."""
    return None


class _Process:
    """How this process begins spans, as its configuration has it."""

    begin: Begin = staticmethod(off)


def install(begin: Begin) -> None:
    """Has spans begun so from now on."""
    _Process.begin = staticmethod(begin)


def begin(name: str, kind: Kind, context: str | None, since: float | None = None) -> Span | None:
    """A span, where the call is traced or may be."""
    return _Process.begin(name, kind, context, since)


class Traced:
    """A hop's span around a call, whose `attributes` and `name` are filled in while it runs; `call` is what goes on."""

    __slots__ = ("attributes", "call", "name", "span")

    def __init__(self, name: str, kind: Kind, call: Call) -> None:
        self.name = name
        self.span = begin(name, kind, call.traceparent)
        self.call = call if self.span is None else msgspec.structs.replace(call, traceparent=self.span.context)
        self.attributes: dict[str, str | int | float | bool] = {}

    @property
    def kept(self) -> bool:
        """Whether what it is told will be sent to anybody."""
        return self.span is not None and self.span.kept

    def __enter__(self) -> Self:
        """The hop does its part."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """It is done."""
        self.end(error)

    def end(self, error: BaseException | None) -> None:
        """Ends the span, with the reason of an error."""
        if self.span is not None:
            self.span.end(self.name, self.attributes, None if error is None else outcome(error))
