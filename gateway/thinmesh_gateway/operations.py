"""One route of a REST surface: what it takes and what it gives. Routes and the OpenAPI file are made from tables of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec


@dataclass(frozen=True, slots=True)
class Operation:
    """One route; `name` is the method that answers it.

    `chunk`: the events of its stream, where it can stream. `binary`: bytes may follow the JSON, either way.
    `also`: a status other than 200 that its answer may have. `form`: the fields of the form that it takes; one that is named
    `file` is one. `whole`: whether an idempotency key keeps its answer; one that is kept elsewhere heeds the key itself.
    `later`: what 202 gives where the call may become a job. `events`: its answers come as a stream, one an event.
    """

    name: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    summary: str
    answer: Any
    body: type[msgspec.Struct] | None = None
    chunk: type[msgspec.Struct] | None = None
    binary: bool = False
    also: int | None = None
    form: tuple[str, ...] = ()
    whole: bool = True
    later: type[msgspec.Struct] | None = None
    events: bool = False


@dataclass(frozen=True, slots=True)
class Surface:
    """A protocol's routes below one prefix, and the shape of its errors."""

    prefix: str
    operations: tuple[Operation, ...]
    error: type[msgspec.Struct]
