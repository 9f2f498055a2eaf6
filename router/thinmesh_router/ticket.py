"""An admitted call: what it has reserved, where it waits, what it has made. Leaving it settles all of that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import grpc
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2

from thinmesh_core.call import Call, Metadata
from thinmesh_core.cost import made
from thinmesh_core.course import Course
from thinmesh_core.errors import MeshError
from thinmesh_core.rules import StreamRules
from thinmesh_router import measures
from thinmesh_router.attempt import Attempt
from thinmesh_router.line import Entry
from thinmesh_router.placement import Place, Wanted
from thinmesh_router.quota.quotas import UNLIMITED
from thinmesh_router.quota.reservation import Reservation
from thinmesh_router.routes import Route

if TYPE_CHECKING:
    from thinmesh_router.admission import Admission

Context = grpc.aio.ServicerContext[Any, Any]

OTHERS = "others"
"""All tenants that the configuration does not name, in metrics: their number has no bound."""

LOOK_EVERY = 32
"""Output tokens between two looks at what a stream has used: tenants are charged in such steps."""


class Waiting:
    """What stands in the queue: what the call wants, and where it hears of its place once it waits."""

    __slots__ = ("granted", "wanted")

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.granted: asyncio.Future[Place] | None = None


class Ticket:
    """One call from its admission to its end, over all of its attempts. `deadline` is in the monotonic clock's seconds."""

    __slots__ = (
        "_admission", "_charged", "_first", "_look_at", "_output", "_place", "_placed", "_reservation", "_usage", "begun",
        "call", "committed", "deadline", "ended", "entry", "estimate", "last", "lost", "moved", "position", "route", "waited",
    )  # fmt: skip

    def __init__(
        self,
        admission: Admission,
        call: Call,
        route: Route,
        entry: Entry[Waiting],
        reservation: Reservation,
        deadline: float,
    ) -> None:
        self.call = call
        self.route = route
        self.entry = entry
        self.deadline = deadline
        self.begun = False
        """Whether it had a place."""
        self.committed = False
        """Whether the caller has seen something of an answer: nothing is tried elsewhere after that."""
        self.last: MeshError | None = None
        """What the last attempt said."""
        self.moved = False
        """Whether a backend died under it already."""
        self.position = 0
        self.estimate = 0.0
        """How long it was expected to wait when it came, in seconds."""
        self.waited = 0.0
        self.lost = 0.0
        """How long attempts took that another one cured, in seconds."""
        self.ended: Callable[[Ticket, Course, BaseException | None], None] | None = None
        """Is told the call's course, and what went wrong. It gets the ticket and knows it not: a cycle would hold both messages
        until garbage is looked for."""
        self._admission = admission
        self._reservation = reservation
        self._output = 0
        self._first: float | None = None
        self._charged = 0
        self._look_at = LOOK_EVERY if reservation is UNLIMITED else min(LOOK_EVERY, reservation.covered + 1)
        self._usage: usage_pb2.Usage | None = None
        self._place: Place | None = None
        self._placed = entry.arrived

    def __enter__(self) -> Self:
        """The call is in."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Settles the quotas and the tenant's share, whatever way the call ended."""
        usage = self._usage
        if usage is not None:
            self._charge(usage.prompt_tokens - self.entry.input_tokens + usage.completion_tokens - self._charged)
            self._reservation.settle(usage.prompt_tokens, usage.completion_tokens)
        elif self.committed or (self.begun and isinstance(error, asyncio.CancelledError | GeneratorExit)):
            # the caller left: its backend has read the input at the least
            self._charge(self._output - self._charged)
            self._reservation.settle(None, self._output)
            usage = usage_pb2.Usage(prompt_tokens=self.entry.input_tokens, completion_tokens=self._output)
        else:
            self._reservation.settle(0, 0)
        now = time.monotonic()
        self._measure(usage, error, now)
        if self.ended is not None:
            self.ended(self, self._course(usage, now), error)

    @property
    def told_tenant(self) -> str:
        """The tenant as metrics name it: one of the configuration's, or the word for all others."""
        return self.call.tenant if self.call.tenant in self._admission.config.tenants else OTHERS

    async def attempt(self) -> Attempt:
        """The next try, on a backend that has not had the call; waits for its place."""
        self._place = None
        try:
            self._place = await self._admission.queues.place(self)
        except MeshError as error:
            raise self.last or error from None
        self._placed = time.monotonic()
        return Attempt(self._admission, self, self._place)

    def another(self) -> Attempt | None:
        """A second try beside the running one, where a place is free at once and the retry budget has it."""
        if self._place is None:  # the first one waits
            return None
        tried, first = self.entry.item.wanted.tried, self._place.backend.name
        tried.add(first)
        place = self._admission.queues.spare(self)
        if place is None:
            tried.discard(first)
            return None
        return Attempt(self._admission, self, place)

    async def tell(self, context: Context) -> None:
        """Tells the caller beside its answer what is left of its quotas, and how it waited if it asked."""
        told = self.told()
        if told:
            await context.send_initial_metadata(told)

    def told(self) -> Metadata:
        """The same, to be sent by whoever has the context."""
        told = self._reservation.headers
        if self.call.explain:
            told += (
                ("x-thinmesh-queue-position", str(self.position)),
                ("x-thinmesh-queue-estimate-ms", f"{self.estimate * 1000:.0f}"),
                ("x-thinmesh-queue-wait-ms", f"{self.waited * 1000:.0f}"),
            )
        return told

    def covers(self, event: pb.GenerateEvent) -> bool:
        """Counts an event of a stream; false where the quotas have to be asked for more before it may pass."""
        self._output += made(event)
        if event.HasField("usage"):
            self._usage = event.usage
        if self._first is None and self._output:
            self._first = time.monotonic()
        if self._output < self._look_at:
            return True
        self._charge(self._output - self._charged)
        return self._look()

    async def extend(self) -> bool:
        """Asks the quotas for more; false where there is none."""
        return await self._reservation.extend() and self._look()

    def cut(self, event: pb.GenerateEvent, rules: StreamRules) -> pb.GenerateEvent:
        """How a stream ends that the quotas have no more for, in place of the event that they did not cover."""
        self._output -= made(event)
        self._usage = usage_pb2.Usage(prompt_tokens=self._reservation.input, completion_tokens=self._output)
        ended = sorted({*rules.unfinished, *(finish.index for finish in event.finishes)})
        finishes = [pb.Finish(index=one, reason=pb.FINISH_REASON_LENGTH, note=self._reservation.note) for one in ended]
        return pb.GenerateEvent(finishes=finishes, usage=self._usage)

    def answered(self, usage: usage_pb2.Usage | None) -> None:
        """A whole answer came; without a usage it counts as estimated."""
        self.committed = True
        self._usage = usage

    def _look(self) -> bool:
        reservation = self._reservation
        covered = reservation.spend(self._output)
        step = self._output + LOOK_EVERY
        self._look_at = step if reservation is UNLIMITED else min(step, reservation.covered + 1)
        return covered

    def _measure(self, usage: usage_pb2.Usage | None, error: BaseException | None, now: float) -> None:
        model, entry = self.route.model, self.entry
        measures.ended(model, now - entry.arrived, error)
        if not self.begun:
            return
        measures.waited(model, entry.priority, self.told_tenant, self.waited)
        if self._first is not None:
            measures.streamed(model, entry.arrived, self._first, now, self._output)
        if usage is not None:
            measures.used(model, self.told_tenant, usage)

    def _course(self, usage: usage_pb2.Usage | None, now: float) -> Course:
        """Of a call that did not get its last place nothing was generated since."""
        place, first = self._place, self._first
        given, made = (None, self._output or None) if usage is None else (usage.prompt_tokens, usage.completion_tokens)
        if place is None:
            return Course("", self.waited, self.lost, 0.0)
        if first is None:
            return Course(place.backend.name, self.waited, self.lost, now - self._placed, None, given, made)
        until = first - self._placed
        return Course(place.backend.name, self.waited, self.lost, now - first, until, given, made)

    def _charge(self, tokens: int) -> None:
        self._charged += tokens
        self._admission.queues.charge(self.entry, tokens)
