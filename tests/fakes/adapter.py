"""A scripted adapter, from the generated stubs alone: what it says and how it fails is the test's to set."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from channels import Servicer
from grpc.aio import AioRpcError
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.adapter.v1 import adapter_service_pb2_grpc as adapter_grpc
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.inference.v1 import usage_pb2

from thinmesh_core.errors import MeshError
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor

WatchServicer: Any = adapter_grpc.AdapterServiceServicer

CAN = [cap.CAPABILITY_COMPLETION, cap.CAPABILITY_EMBED]
EVENTS = [
    pb.GenerateEvent(deltas=[pb.Delta(text="a")]),
    pb.GenerateEvent(finishes=[pb.Finish(reason=pb.FINISH_REASON_STOP)], usage=usage_pb2.Usage(prompt_tokens=1)),
]


class ScriptedAdapter(Servicer, WatchServicer):
    """Answers `EVENTS`; `error` is raised after `events_before_error`; `hold` keeps every call until it is set."""

    def __init__(self, name: str = "m", *, limit: int = 8) -> None:
        self.status = adapter_pb.Status(
            state=adapter_pb.STATE_READY,
            models=[adapter_pb.ServedModel(name=name, capabilities=CAN, context_length=100)],
            max_concurrency=limit,
        )
        self.error: MeshError | None = None
        self.events_before_error = 0
        self.events = EVENTS
        self.hold: asyncio.Event | None = None
        self.began = asyncio.Event()
        self.ended = asyncio.Event()
        self.running = 0
        self.most_running = 0
        self.requests: list[Any] = []
        self.metadata: list[dict[str, Any]] = []
        self.remaining: list[float | None] = []
        self._changed = asyncio.Event()

    def channel(self) -> InProcessChannel:
        """A channel to it."""
        server = InProcessServer("scripted", [ErrorInterceptor()])
        inference_grpc.add_InferenceServiceServicer_to_server(self, server)
        adapter_grpc.add_AdapterServiceServicer_to_server(self, server)
        return InProcessChannel(server)

    def become(self, state: adapter_pb.State.ValueType, **fields: Any) -> None:
        """Says a new status to whoever watches."""
        self.status = adapter_pb.Status(
            state=state, models=self.status.models, max_concurrency=fields.get("limit", self.status.max_concurrency)
        )
        self._changed.set()
        self._changed = asyncio.Event()

    async def WatchStatus(self, request: Any, context: Any) -> AsyncIterator[adapter_pb.WatchStatusResponse]:
        while True:
            changed = self._changed
            yield adapter_pb.WatchStatusResponse(status=self.status)
            with contextlib.suppress(TimeoutError):  # adapters speak at least every second
                await asyncio.wait_for(changed.wait(), 1)

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Any) -> AsyncIterator[pb.GenerateEvent]:
        await self._begin(request, context)
        try:
            for number, event in enumerate(self.events):
                if self.error is not None and number == self.events_before_error:
                    raise self.error
                yield event
        finally:
            self._end()

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
        await self._begin(request, context)
        try:
            if self.error is not None:
                raise self.error
            return pb.GenerateResponse(choices=[pb.Choice(text="a")])
        finally:
            self._end()

    async def Embed(self, request: pb.EmbedRequest, context: Any) -> pb.EmbedResponse:
        await self._begin(request, context)
        try:
            if self.error is not None:
                raise self.error
            return pb.EmbedResponse(usage=usage_pb2.Usage(prompt_tokens=3))
        finally:
            self._end()

    async def _begin(self, request: Any, context: Any) -> None:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        self.remaining.append(context.time_remaining())
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.began.set()
        try:
            if self.hold is not None:
                await self.hold.wait()
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        self.running -= 1
        self.ended.set()


def reason(error: AioRpcError) -> str:
    """The name of a mesh error's reason."""
    from thinmesh_core.status import from_rpc_error

    return from_rpc_error(error).reason.name
