"""The live set of backends: each watches its adapter's status and keeps its own count of running calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any, Self

import grpc
from thinmesh.adapter.v1 import adapter_service_pb2 as pb
from thinmesh.adapter.v1 import adapter_service_pb2_grpc as adapter_grpc
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_core.capabilities import Capability
from thinmesh_core.channel import Channels, cancelling
from thinmesh_core.telemetry import BACKEND_READY, BACKEND_RUNNING
from thinmesh_router.limits import Limit

log = logging.getLogger(__name__)

SILENCE_SECONDS = 5.0
"""An adapter that says nothing for so long is unreachable; it speaks at least every second."""

STARTING_SECONDS = 120.0
"""An adapter not reached for so long has failed, and is not waited for."""

WATCH_SECONDS = 600.0
"""The deadline of one watch; it is opened again."""

CLOSE_SECONDS = 600.0
"""How long the calls of a dropped backend may go on."""

RETRY_SECONDS = 0.25
"""Pause before a lost watch is opened again."""


class Backend:
    """The router's view of one adapter: `ready` while it takes calls, `starting` while it is worth waiting for."""

    ready: bool
    starting: bool

    def __init__(self, name: str, address: str, channel: grpc.aio.Channel) -> None:
        self.name = name
        self.address = address
        self.channel = channel
        self.inference = inference_grpc.InferenceServiceStub(channel)
        self.tensors = tensor_grpc.GRPCInferenceServiceStub(channel)
        self.limit = Limit()
        self.status = pb.Status(state=pb.STATE_STARTING, message="not reached yet")
        self._expected = asyncio.get_running_loop().time() + STARTING_SECONDS
        self._adapter = adapter_grpc.AdapterServiceStub(channel)
        BACKEND_READY.labels(name).set_function(lambda: self.ready)  # asked when scraped, not told with every call
        BACKEND_RUNNING.labels(name).set_function(lambda: self.limit.running)

    @property
    def status(self) -> pb.Status:
        """What the adapter said last."""
        return self._status

    @status.setter
    def status(self, status: pb.Status) -> None:
        """Reads once what every call asks: protobuf's containers are slow to look through."""
        self._status = status
        self.ready = status.state == pb.STATE_READY
        self.starting = status.state == pb.STATE_STARTING
        self._can = {one.name: frozenset(one.capabilities) for one in status.models}
        self._only = next(iter(self._can.values())) if len(self._can) == 1 else None
        self._running, self._queued = status.running, status.queued

    @property
    def state(self) -> str:
        """The state in lower case, for people."""
        return pb.State.Name(self.status.state).removeprefix("STATE_").lower()

    @property
    def load(self) -> float:
        """Running and queued calls as a share of what it runs at once; other routers' calls count by its own word."""
        return (max(self.limit.running, self._running) + self._queued) / max(self.limit.maximum, 1)

    def served(self, model: str) -> pb.ServedModel | None:
        """What it says of a model; a backend with one model serves it under any name."""
        if len(self.status.models) == 1:
            return self.status.models[0]
        return next((one for one in self.status.models if one.name == model), None)

    def can(self, model: str, needs: frozenset[Capability]) -> bool:
        """Whether it serves the model with all these capabilities."""
        can = self._can.get(model) if self._only is None else self._only
        return can is not None and needs <= can

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
        changed = status.state != self.status.state
        self.status = status
        if changed:
            log.info("backend %s is %s %s", self.name, self.state, status.message)
        self.limit.maximum = status.max_concurrency

    def _lost(self, error: grpc.aio.AioRpcError | TimeoutError) -> None:
        if self.starting and asyncio.get_running_loop().time() < self._expected:
            return  # not reached so far: still being looked for
        if isinstance(error, grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return  # the watch itself was over
        self._take(pb.Status(state=pb.STATE_FAILED, message="the adapter can't be reached"))


class Backends(Mapping[str, Backend]):
    """All backends by name; enter it to watch them."""

    def __init__(self, addresses: Mapping[str, str], channels: Channels) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._channels = channels
        self._backends = {name: Backend(name, address, channels(address)) for name, address in addresses.items()}
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._tasks = asyncio.TaskGroup()
        self._stack = AsyncExitStack()

    def __getitem__(self, name: str) -> Backend:
        """The backend of that name."""
        return self._backends[name]

    def __iter__(self) -> Iterator[str]:
        """Names."""
        return iter(self._backends)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._backends)

    async def __aenter__(self) -> Self:
        """Starts a watch on each."""
        await self._stack.enter_async_context(self._tasks)
        self._stack.callback(self._stop)
        for backend in self._backends.values():
            self._watch(backend)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Ends the watches, and the waits for what runs on dropped backends."""
        await self._stack.aclose()

    def update(self, addresses: Mapping[str, str]) -> None:
        """Adds, replaces and drops backends; one at its old address stays as it is, and what runs on a dropped one goes on."""
        for name, backend in tuple(self._backends.items()):
            if addresses.get(name) != backend.address:
                self._watches.pop(name).cancel()
                del self._backends[name]
                closing = self._tasks.create_task(backend.channel.close(CLOSE_SECONDS))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
        for name, address in addresses.items():
            if name not in self._backends:
                self._backends[name] = Backend(name, address, self._channels(address))
                self._watch(self._backends[name])

    def _watch(self, backend: Backend) -> None:
        self._watches[backend.name] = self._tasks.create_task(backend.watch(self._changed))

    def _stop(self) -> None:
        for task in (*self._watches.values(), *self._closing):
            task.cancel()

    def _changed(self) -> None:
        self.on_change()
