"""One try of a call on one backend: how it ended is told to the backend, and whether another may try is decided here."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from grpc.aio import AioRpcError

from thinmesh_core.call import Metadata
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.status import from_rpc_error, lost
from thinmesh_core.telemetry import RETRIES, outcome
from thinmesh_router import measures
from thinmesh_router.backend import Backend
from thinmesh_router.placement import Place
from thinmesh_router.watchdog import SilentError

if TYPE_CHECKING:
    from thinmesh_router.admission import Admission
    from thinmesh_router.ticket import Ticket

FAULTS = frozenset({Reason.ENGINE_UNAVAILABLE, Reason.ENGINE_ERROR, Reason.ENGINE_PROTOCOL, Reason.INTERNAL})
"""What is the backend's fault; too many of these and it is left alone for a time."""

ELSEWHERE = frozenset({Reason.ENGINE_UNAVAILABLE, Reason.OVERLOADED, Reason.NO_BACKEND})
"""What another backend may do better, within the retry budget."""

NOT_BEGUN = frozenset({Reason.BACKEND_FULL, Reason.DRAINING})
"""What a backend says of a call that it has not begun."""

SILENT = NOT_BEGUN | {Reason.CANCELLED, Reason.DEADLINE_EXCEEDED}
"""What says nothing of whether the backend works."""


class Attempt:
    """Entered for one try: leaving it with an error that another backend may cure swallows the error, every other goes on."""

    __slots__ = ("_admission", "_began", "_heard", "_place", "_ticket")

    def __init__(self, admission: Admission, ticket: Ticket, place: Place) -> None:
        self._admission = admission
        self._ticket = ticket
        self._place = place
        self._began = time.monotonic()
        self._heard = False

    def __enter__(self) -> Self:
        """The slot is taken already."""
        return self

    @property
    def backend(self) -> Backend:
        """Where it goes."""
        return self._place.backend

    @property
    def metadata(self) -> Metadata:
        """What goes with the request to this backend."""
        return self._ticket.call.forwarded(self._place.model).to_metadata()

    @property
    def seconds(self) -> float:
        """What is left of the call's time."""
        return max(self._ticket.deadline - time.monotonic(), 0.0)

    def heard(self) -> None:
        """The backend's first word: how quick it is, what a probe was to find out, and the last moment to go elsewhere."""
        now = time.monotonic()
        if self._place.probe:  # its stream may go on for minutes, and others wait for the backend
            self._place.backend.breaker.succeeded(now, self._began)
        self._place.backend.latency.observe(now - self._began, now)
        self._heard = self._ticket.committed = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        """Frees the slot; true where the call may be tried again. MeshError is what leaves of the wire's errors."""
        now = time.monotonic()
        try:
            told = from_rpc_error(error) if isinstance(error, AioRpcError) else error
            self._tell(told, now)
            if not isinstance(told, MeshError):
                return False
            if not self._again(told, now, moved=isinstance(error, AioRpcError) and lost(error)):
                raise (_busy(told) if told.reason is Reason.BACKEND_FULL else told) from None
            self._ticket.lost += now - self._began
            return True
        finally:
            self._admission.queues.release(self._place)

    def _tell(self, error: BaseException | None, now: float) -> None:
        """What the end says of the backend."""
        backend = self._place.backend
        measures.attempted(backend.name, outcome(error))
        reason = error.reason if isinstance(error, MeshError) else None
        if error is None:
            backend.breaker.succeeded(now, self._began)
            backend.limit.succeeded()
        elif reason is not None and reason in FAULTS:
            until = backend.breaker.until
            backend.breaker.failed(now, self._place.probe)
            backend.last_failure = reason, now
            if backend.breaker.until != until:
                measures.ejected(backend.name)
        elif reason is None or reason in SILENT:  # cancelled, late, not begun, or a fault of this router's own
            backend.breaker.abandoned(self._place.probe)
            if not self._heard and reason not in NOT_BEGUN:
                backend.latency.waited(now - self._began, now)
        else:
            backend.breaker.succeeded(now, self._began)
        if reason is Reason.BACKEND_FULL:
            backend.full(now)
            self._admission.queues.look_again()
        elif reason is Reason.DRAINING:
            backend.draining()
        elif reason is Reason.OVERLOADED or isinstance(error, SilentError):
            backend.limit.overloaded(now)

    def _again(self, error: MeshError, now: float, *, moved: bool) -> bool:
        """Whether the call goes on elsewhere. One that a dying backend leaves is moved once without touching the budget."""
        ticket = self._ticket
        if ticket.committed or now >= ticket.deadline:
            return False
        if error.reason in NOT_BEGUN:
            return True  # it goes back to the head of the queue, and that is no retry
        if error.reason not in ELSEWHERE:
            return False
        ticket.entry.item.wanted.tried.add(self._place.backend.name)
        ticket.last = error
        if moved and not ticket.moved:
            ticket.moved = True
        elif not self._admission.queues.retry(ticket.route.model, now):
            return False
        RETRIES.labels(ticket.route.model, error.reason.name.lower()).inc()
        return True


def _busy(error: MeshError) -> MeshError:
    return MeshError(Reason.OVERLOADED, error.message, retry_after=error.retry_after)
