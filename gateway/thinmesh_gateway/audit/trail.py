"""What one call leaves in the audit log: begun at the door, filled in on the way, written once at its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from thinmesh_core.call import trace_id
from thinmesh_core.course import Course
from thinmesh_core.traces.spans import Kind, Span, begin
from thinmesh_gateway.audit.attributes import attributes
from thinmesh_gateway.audit.entry import ALLOWED, Entry, decision, model_name
from thinmesh_gateway.audit.timing import timing
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.roles import Action

Add = Callable[[Entry], None]
"""Takes an entry; it never waits."""


class Trail:
    """One call's. Leaving it ends it; what ends it first is what is told.

    `holder` is set once it is known who calls, `model` and `priority` once one is asked for, `object` where it is about a key
    or a job, `course` when the router has told it. Of a stream whose caller leaves no more is known than `estimate`, about how
    many tokens the engine has read, and `pieces`, how many came of it.
    """

    __slots__ = (
        "_add",
        "_began",
        "_decision",
        "_ended",
        "_operation",
        "_personal_data",
        "_silent",
        "_span",
        "_surface",
        "action",
        "course",
        "estimate",
        "holder",
        "model",
        "object",
        "pieces",
        "priority",
        "request_id",
        "trace_id",
    )

    def __init__(self, add: Add, surface: str, operation: str, action: Action | None, request_id: str) -> None:
        self._began = time.perf_counter()
        self._add = add
        self._surface = surface
        self._operation = operation
        self._decision = ALLOWED
        self._personal_data: dict[str, int] = {}
        self._ended = False
        self._silent = False
        self._span: Span | None = None
        self.action = action
        self.request_id = request_id
        self.holder: Principal | None = None
        self.model = ""
        self.object = ""
        self.priority = ""
        self.trace_id = ""
        self.course: Course | None = None
        self.estimate = 0
        self.pieces = 0

    def __enter__(self) -> Self:
        """The call goes on."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """The call ends."""
        self.end(error)

    def found(self, counts: Mapping[str, int]) -> None:
        """Counts personal data that was found, by its kind."""
        for kind, count in counts.items():
            self._personal_data[kind] = self._personal_data.get(kind, 0) + count

    def traced(self, context: str | None) -> str | None:
        """The trace context that goes on with the call, of the one that came with it: where it is traced, that of its span."""
        self._span = begin(self._operation, Kind.SERVER, context, self._began)
        if self._span is not None:
            context = self._span.context
        self.trace_id = "" if context is None else trace_id(context)
        return context

    def failed(self, error: BaseException) -> None:
        """Notes why the call ends, of which the first cause is told."""
        if self._decision == ALLOWED:
            self._decision = decision(error)

    def each(self) -> Trail:
        """The trail of one of the calls that are made within this one, which then leaves none itself."""
        self._silent = True
        one = Trail(self._add, self._surface, self._operation, self.action, self.request_id)
        one.holder = self.holder
        return one

    def end(self, error: BaseException | None = None) -> None:
        """Writes the entry, once."""
        if error is not None:
            self.failed(error)
        if self._ended:
            return
        self._ended = True
        holder, decided, course = self.holder, self._decision, self.course
        took = timing(time.perf_counter() - self._began, course)
        given = None if course is None else course.input_tokens
        made = None if course is None else course.output_tokens
        entry = Entry(
            int(time.time() * 1000),
            self._surface,
            self._operation,
            decided,
            self.action or "",
            "" if holder is None else holder.tenant,
            "" if holder is None else holder.name,
            "" if holder is None else holder.key or "",
            model_name(self.model, decided),
            self.request_id,
            self.object,
            self._personal_data,
            1,
            self.priority,
            self.trace_id,
            "" if course is None else course.backend,
            self.estimate if given is None else given,
            self.pieces if made is None else made,
            *took,
        )
        if not self._silent:
            self._add(entry)
        if self._span is not None:
            told = attributes(entry) if self._span.kept else {}
            self._span.end(self._operation, told, None if decided == ALLOWED else decided.lower())
