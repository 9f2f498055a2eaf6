"""One backend: its adapter's status as it says it, and how calls to it have gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import grpc
from thinmesh.adapter.v1 import adapter_service_pb2 as pb
from thinmesh.adapter.v1 import adapter_service_pb2_grpc as adapter_grpc
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_core.capabilities import Capability
from thinmesh_core.channel import cancelling
from thinmesh_core.errors import Reason
from thinmesh_core.telemetry import (
    BACKEND_EJECTED,
    BACKEND_EJECTIONS,
    BACKEND_LIMIT,
    BACKEND_READY,
    BACKEND_RUNNING,
    ENGINE_KV_CACHE,
    ENGINE_QUEUED,
)
from thinmesh_router.balancer import Candidate
from thinmesh_router.breaker import Breaker
from thinmesh_router.latency import Latency
from thinmesh_router.limits import Limit

log = logging.getLogger(__name__)

SILENCE_SECONDS = 2.5
"""An adapter that says nothing for so long is unreachable; it speaks at least every second."""

STARTING_SECONDS = 120.0
"""An adapter not reached for so long has failed, and is not waited for; one that drained before it went is expected back."""

WATCH_SECONDS = 600.0
"""The deadline of one watch; it is opened again."""

RETRY_SECONDS = 0.25
"""Pause before a lost watch is opened again."""

FULL_SECONDS = 0.05
"""How long a backend that refused a call as one too many is given no other: its engine serves other routers too."""


class Backend:
    """The router's view of one adapter.

    `ready` while it takes calls, `expected` while it does not but is worth waiting for: it starts, drains or is drained;
    `absent` while its adapter can't be reached and has said nothing of coming back.
    """

    ready: bool
    expected: bool

    def __init__(self, name: str, address: str, channel: grpc.aio.Channel, breaker: Breaker) -> None:
        self.name = name
        self.address = address
        self.channel = channel
        self.inference = inference_grpc.InferenceServiceStub(channel)
        self.tensors = tensor_grpc.GRPCInferenceServiceStub(channel)
        self.breaker = breaker
        self.latency = Latency()
        self.limit = Limit()
        self.absent = False
        self.looked = False
        """Whether it was looked for, and found or not."""
        self.last_failure: tuple[Reason, float] | None = None
        """Why the last call failed that failed for its fault, and when."""
        self._full_until = 0.0
        self._drained = False
        self.status = pb.Status(state=pb.STATE_STARTING, message="not reached yet")
        self._awaited = asyncio.get_running_loop().time() + STARTING_SECONDS
        self._adapter = adapter_grpc.AdapterServiceStub(channel)
        self._asked = {  # when scraped, not told with every call
            BACKEND_READY: lambda: self.ready,
            BACKEND_RUNNING: lambda: self.limit.running,
            BACKEND_LIMIT: lambda: self.limit.allowed,
            BACKEND_EJECTED: lambda: not self.breaker.closed,
            ENGINE_QUEUED: lambda: self._queued,
            ENGINE_KV_CACHE: lambda: self._cache or 0.0,
        }
        for gauge, ask in self._asked.items():
            gauge.labels(name).set_function(ask)
        BACKEND_EJECTIONS.labels(name)  # 0 is told too: what begins at 1 does not grow

    @property
    def status(self) -> pb.Status:
        """What the adapter said last."""
        return self._status

    @status.setter
    def status(self, status: pb.Status) -> None:
        """Reads once what every call asks: protobuf's containers are slow to look through."""
        self._status = status
        self._decide()
        self._can = {one.name: frozenset(one.capabilities) for one in status.models}
        self._only = next(iter(self._can.values())) if len(self._can) == 1 else None
        self._running, self._queued = status.running, status.queued
        self._cache = status.kv_cache_use if status.HasField("kv_cache_use") else None

    @property
    def drained(self) -> bool:
        """Whether an operator took it out of service at this router."""
        return self._drained

    @drained.setter
    def drained(self, drained: bool) -> None:
        """Running calls go on."""
        self._drained = drained
        self._decide()

    def draining(self) -> None:
        """It said so with a call, before its status did."""
        self.status = pb.Status(state=pb.STATE_DRAINING, models=self.status.models)

    @property
    def starting(self) -> bool:
        """Whether its adapter was not reached so far."""
        return self.status.state == pb.STATE_STARTING

    @property
    def state(self) -> str:
        """The state in lower case, for people."""
        return pb.State.Name(self.status.state).removeprefix("STATE_").lower()

    def has_room(self, now: float) -> bool:
        """Whether one more call may go there."""
        return self.limit.free and now >= self._full_until

    def full(self, now: float) -> None:
        """It refused a call as one too many."""
        self.limit.overloaded(now)
        self._full_until = now + FULL_SECONDS

    @property
    def outstanding(self) -> int:
        """Calls that run or wait there; other routers' calls count by its own word."""
        return max(self.limit.running, self._running) + self._queued

    def candidate(self, weight: float, now: float) -> Candidate:
        """It as the balancer sees it."""
        return Candidate(weight * self.breaker.share(now), self.latency.at(now), self.outstanding, self._cache)

    def served(self, model: str) -> pb.ServedModel | None:
        """What it says of a model; a backend with one model serves it under any name."""
        if len(self.status.models) == 1:
            return self.status.models[0]
        return next((one for one in self.status.models if one.name == model), None)

    def can(self, model: str, needs: frozenset[Capability]) -> bool:
        """Whether it serves the model with all these capabilities."""
        can = self._can.get(model) if self._only is None else self._only
        return can is not None and needs <= can

    def forget(self) -> None:
        """The configuration names it no more: nothing is told of it."""
        for gauge in self._asked:
            gauge.remove(self.name)

    async def watch(self, changed: Callable[[], None]) -> None:
        """Follows the status for ever, calling back after each; a lost adapter is not ready until it speaks again."""
        while True:
            try:
                async with cancelling(self._adapter.WatchStatus(pb.WatchStatusRequest(), timeout=WATCH_SECONDS)) as call:
                    await self._read(call, changed)
            except (grpc.aio.AioRpcError, TimeoutError) as error:
                self._lost(error)
                changed()
            await asyncio.sleep(RETRY_SECONDS)

    async def _read(self, call: Any, changed: Callable[[], None]) -> None:
        while True:
            async with asyncio.timeout(SILENCE_SECONDS):
                answer = await call.read()
            if answer is grpc.aio.EOF:
                return
            self._take(answer.status)
            changed()

    def _take(self, status: pb.Status) -> None:
        self.absent, self.looked = False, True
        changed = status.state != self.status.state
        self.status = status
        if changed:
            log.info("backend %s is %s %s", self.name, self.state, status.message)
        self.limit.maximum = status.max_concurrency

    def _decide(self) -> None:
        state = self._status.state
        self.ready = state == pb.STATE_READY and not self._drained
        self.expected = state in {pb.STATE_STARTING, pb.STATE_DRAINING} or (state == pb.STATE_READY and self._drained)

    def _lost(self, error: grpc.aio.AioRpcError | TimeoutError) -> None:
        self.looked = True
        now = asyncio.get_running_loop().time()
        if self.status.state == pb.STATE_DRAINING:  # it went as it said it would
            self._awaited = now + STARTING_SECONDS
            self._take(pb.Status(state=pb.STATE_STARTING, message="drained and gone", models=self.status.models))
        if self.starting and now < self._awaited:
            return  # still being looked for
        if isinstance(error, grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return  # the watch itself was over
        self._take(pb.Status(state=pb.STATE_FAILED, message="the adapter can't be reached"))
        self.absent = True
