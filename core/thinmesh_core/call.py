"""The call: what a hop knows of a request beside its message, and the metadata that carries it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.priority import PRIORITIES, Priority
from thinmesh_core.request_id import HARMLESS, request_id

AUTHORIZATION = "authorization"
REQUEST_ID = "x-request-id"
TENANT = "thinmesh-tenant"
PRINCIPAL = "thinmesh-principal"
PRIORITY = "thinmesh-priority"
SESSION = "thinmesh-session"
QUEUE = "x-thinmesh-queue"
MODEL = "thinmesh-model"
HOPS = "thinmesh-hops"
STEP = "thinmesh-step"
TRACEPARENT = "traceparent"

# What a router tells the caller with the first event or with an error, under the names that REST gives it.
TOLD = ("x-ratelimit-", "x-thinmesh-queue-")

# A router may be another router's backend; more than this many in a row point at each other.
MAX_HOPS = 4

Metadata = tuple[tuple[str, str], ...]

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Call(msgspec.Struct, frozen=True):
    """One request's identity on its way through the mesh."""

    request_id: str
    tenant: str
    principal: str
    traceparent: str | None = None
    # The engine's name for the model, set by the router after alias, weights and fallback.
    model: str | None = None
    hops: int = 0
    # What was left of the deadline when the call arrived, in seconds; gRPC's own deadline carries it on.
    seconds: float | None = None
    priority: Priority = Priority.STANDARD
    # What ties calls together that should go to the same backend, as the caller named it.
    session: str | None = None
    # Whether the caller asked to be told its place in the queue.
    explain: bool = False
    # The step of a job that this is an attempt of: an engine or a tool can tell by it what it has done already.
    step: str | None = None

    def to_metadata(self) -> Metadata:
        """The metadata to send with the next hop's request."""
        pairs = [(REQUEST_ID, self.request_id), (TENANT, self.tenant), (PRINCIPAL, self.principal), (HOPS, str(self.hops))]
        if self.priority is not Priority.STANDARD:
            pairs.append((PRIORITY, self.priority.word))
        if self.session is not None:
            pairs.append((SESSION, self.session))
        if self.explain:
            pairs.append((QUEUE, "true"))
        if self.step is not None:
            pairs.append((STEP, self.step))
        if self.traceparent is not None:
            pairs.append((TRACEPARENT, self.traceparent))
        if self.model is not None:
            pairs.append((MODEL, self.model))
        return tuple(pairs)

    @property
    def trace(self) -> Metadata:
        """The trace context alone, for engines, which are told nothing of who calls."""
        return () if self.traceparent is None else ((TRACEPARENT, self.traceparent),)

    def forwarded(self, model: str) -> Call:
        """The call as the next backend sees it; TOO_MANY_HOPS where routers point at each other."""
        if self.hops >= MAX_HOPS:
            raise MeshError(Reason.TOO_MANY_HOPS, f"The call passed {MAX_HOPS} routers; two of them point at each other.")
        return msgspec.structs.replace(self, model=model, hops=self.hops + 1)


def from_metadata(metadata: Iterable[tuple[str, str | bytes]] | None, seconds: float | None = None) -> Call:
    """The call that a trusted peer sent; what is missing is filled in, so that a bare stub can be used against a router."""
    sent: dict[str, str] = dict(metadata or ())  # type: ignore[arg-type]  # only keys that end in -bin have bytes, and none is ours
    hops = sent.get(HOPS, "0")
    return Call(
        request_id(sent.get(REQUEST_ID)),
        sent.get(TENANT, ""),
        sent.get(PRINCIPAL, ""),
        traceparent(sent.get(TRACEPARENT)),
        sent.get(MODEL),
        int(hops) if hops.isdecimal() else MAX_HOPS,
        seconds,
        PRIORITIES.get(sent.get(PRIORITY, ""), Priority.STANDARD),
        session(sent.get(SESSION)),
        sent.get(QUEUE) == "true",
        session(sent.get(STEP)),
    )


def told(metadata: Iterable[tuple[str, str | bytes]] | None) -> Metadata:
    """What of a router's metadata is for the caller."""
    return tuple((key, value) for key, value in metadata or () if key.startswith(TOLD) and isinstance(value, str))


def session(given: str | None) -> str | None:
    """The caller's session where it is harmless in logs and headers, else none."""
    return given if given is not None and HARMLESS.fullmatch(given) else None


def traceparent(given: str | None) -> str | None:
    """The W3C trace context if it is well formed, else none."""
    return given if given is not None and _TRACEPARENT.fullmatch(given) else None


def trace_id(traceparent: str) -> str:
    """The trace that a well-formed context belongs to."""
    return traceparent[3:35]
