"""The host: serves any Adapter as InferenceService and AdapterService, and keeps the rules that all of them share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack, aclosing
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeVar

import grpc
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.adapter.v1 import adapter_service_pb2_grpc as adapter_grpc
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_adapters.config import AdapterConfig
from thinmesh_adapters.contract import Adapter, DeadEngineError, EngineStatus, Model, Place
from thinmesh_adapters.engine_span import EngineSpan
from thinmesh_adapters.fields import count
from thinmesh_adapters.registry import create
from thinmesh_adapters.tensors import TensorService
from thinmesh_core import capabilities
from thinmesh_core.app import App
from thinmesh_core.call import Call, from_metadata
from thinmesh_core.capabilities import Request
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.peers import ROUTER

log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
R = TypeVar("R", bound=Request)
A = TypeVar("A")

STATUS_SECONDS = 1.0
"""How often the engine is asked for its status, and watchers are told at the least."""

STATUS_TIMEOUT_SECONDS = 3.0
"""How long the engine may take to say it."""


ROUTERS = frozenset({ROUTER})


class Seats:
    """How many calls run: entered by each while it does."""

    __slots__ = ("taken",)

    def __init__(self) -> None:
        self.taken = 0

    def __enter__(self) -> None:
        """One more runs."""
        self.taken += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """One less runs."""
        self.taken -= 1


class AdapterApp(App, inference_grpc.InferenceServiceServicer, adapter_grpc.AdapterServiceServicer):
    """One adapter, served. Refuses what is not declared, what is too much, and everything while draining."""

    services = MappingProxyType(
        {
            "thinmesh.inference.v1.InferenceService": ROUTERS,
            "thinmesh.adapter.v1.AdapterService": ROUTERS,
            "inference.GRPCInferenceService": ROUTERS,
        }
    )

    def __init__(self, kind: str, adapter: Adapter[Any], max_concurrency: int | None) -> None:
        self._kind = kind
        self._tensors = TensorService(kind, adapter, self._admitted, self._served)
        self._adapter = adapter
        self._max_concurrency = max_concurrency
        self._engine: EngineStatus | None = None
        self._trouble = "the engine has not answered yet"
        self._was_ready = False
        self._refusing = False
        self._seats = Seats()
        self._changed = asyncio.Condition()
        self._stack = AsyncExitStack()

    def register(self, server: grpc.aio.Server) -> None:
        """Adds its services."""
        inference_grpc.add_InferenceServiceServicer_to_server(self, server)
        adapter_grpc.add_AdapterServiceServicer_to_server(self, server)
        tensor_grpc.add_GRPCInferenceServiceServicer_to_server(self._tensors, server)

    def problems(self) -> list[str]:
        """The engine's trouble, or that it drains."""
        if self._refusing:
            return ["draining"]
        return [] if self._engine is not None else [self._trouble]

    async def drain(self) -> None:
        """Takes no new calls from now on, and says so to whoever watches."""
        await super().drain()
        await self._refuse()

    async def __aenter__(self) -> Self:
        """Enters the adapter, and follows its engine's status."""
        await self._stack.enter_async_context(self._adapter)
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        following = tasks.create_task(self._follow())
        self._stack.callback(following.cancel)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Leaves the adapter."""
        await self._stack.aclose()

    # InferenceService

    async def Generate(self, request: pb.GenerateRequest, context: Context) -> pb.GenerateResponse:
        """The adapter's whole answer."""
        return await self._unary(self._adapter.answer, request, context)

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Context) -> AsyncGenerator[pb.GenerateEvent, None]:
        """The adapter's events."""
        call = from_metadata(context.invocation_metadata(), context.time_remaining())
        with EngineSpan(self._kind, request, call) as span, self._admitted(request, call):
            async with aclosing(self._adapter.generate(request, span.call)) as events:
                async for event in events:
                    if span.kept:
                        span.event(event)
                    yield event

    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        """The adapter's vectors."""
        return await self._unary(self._adapter.embed, request, context)

    async def Rerank(self, request: pb.RerankRequest, context: Context) -> pb.RerankResponse:
        """The adapter's order."""
        return await self._unary(self._adapter.rerank, request, context)

    async def CountTokens(self, request: pb.CountTokensRequest, context: Context) -> pb.CountTokensResponse:
        """The adapter's count."""
        return await self._unary(self._adapter.count_tokens, request, context)

    # AdapterService

    async def GetStatus(self, request: adapter_pb.GetStatusRequest, context: Context) -> adapter_pb.GetStatusResponse:
        """The status now."""
        return adapter_pb.GetStatusResponse(status=self._status())

    async def WatchStatus(
        self, request: adapter_pb.WatchStatusRequest, context: Context
    ) -> AsyncIterator[adapter_pb.WatchStatusResponse]:
        """The status at once, then after every look at the engine and every drain; ends where the process is idle and stops."""
        while True:
            yield adapter_pb.WatchStatusResponse(status=self._status())
            if self.draining and not self._seats.taken:
                return
            async with self._changed:
                await self._changed.wait()

    async def Drain(self, request: adapter_pb.DrainRequest, context: Context) -> adapter_pb.DrainResponse:
        """Takes no new calls from now on."""
        await self._refuse()
        return adapter_pb.DrainResponse()

    # What all calls share.

    async def _refuse(self) -> None:
        self._refusing = True
        async with self._changed:
            self._changed.notify_all()

    async def _unary(self, answer: Callable[[R, Call], Awaitable[A]], request: R, context: Context) -> A:
        call = from_metadata(context.invocation_metadata(), context.time_remaining())
        with EngineSpan(self._kind, request, call) as span, self._admitted(request, call):
            return await answer(request, span.call)

    def _admitted(self, request: Request, call: Call) -> AbstractContextManager[None]:
        if self._refusing:
            raise MeshError(Reason.DRAINING, "The model's backend is stopping; try again shortly.", retry_after=1)
        capabilities.check(request, self._served(call.model or capabilities.model(request)).capabilities)
        if self._seats.taken >= self._limit(self._known()):
            raise MeshError(Reason.BACKEND_FULL, "The model is busy; try again shortly.", retry_after=1)
        return self._seats

    def _known(self) -> EngineStatus:
        if self._engine is None:
            raise MeshError(Reason.ENGINE_UNAVAILABLE, "The model's engine does not answer; try again shortly.", retry_after=1)
        return self._engine

    def _served(self, name: str) -> Model:
        """The engine's model of that name; an engine that serves one model answers to any name the mesh gave it."""
        models = self._known().models
        if len(models) == 1:
            return models[0]
        for model in models:
            if model.name == name:
                return model
        raise MeshError(Reason.MODEL_NOT_FOUND, f"The backend serves no model {name!r}.", param="model")

    def _limit(self, engine: EngineStatus) -> int:
        return self._max_concurrency or engine.max_concurrency

    def _status(self) -> adapter_pb.Status:
        status = adapter_pb.Status(adapter=self._kind, running=self._seats.taken)
        if self._engine is None:
            status.state = adapter_pb.STATE_FAILED if self._was_ready else adapter_pb.STATE_STARTING
            status.message = self._trouble
            return status
        status.state = adapter_pb.STATE_DRAINING if self._refusing else adapter_pb.STATE_READY
        status.max_concurrency = count(self._limit(self._engine))
        if self._engine.queued is not None:
            status.queued = count(self._engine.queued)
        if self._engine.kv_cache_use is not None:
            status.kv_cache_use = self._engine.kv_cache_use
        if self._engine.lower_first:
            status.priority = adapter_pb.PRIORITY_MAPPING_LOWER_FIRST
        for model in self._engine.models:
            length = None if model.context_length is None else count(model.context_length)
            status.models.add(name=model.name, capabilities=sorted(model.capabilities), context_length=length)
        return status

    async def _follow(self) -> None:
        """Asks the engine every second; one that does not answer, or makes no sense, is not ready, whatever it said before."""
        while True:
            try:
                async with asyncio.timeout(STATUS_TIMEOUT_SECONDS):
                    self._engine = await self._adapter.status()
                self._was_ready = True
            except DeadEngineError:
                raise
            except (MeshError, TimeoutError) as error:
                if self._engine is not None:
                    log.warning("%s: the engine stopped answering: %s", self._adapter.place.name, error)
                self._engine, self._trouble = None, str(error) or "the engine is too slow to say its status"
            except Exception as error:  # whatever an engine says, the adapter goes on
                trouble = f"the adapter can't read the engine's status ({type(error).__name__}); its log has more"
                if self._trouble != trouble:
                    log.exception("%s: the engine's status can't be read", self._adapter.place.name)
                self._engine, self._trouble = None, trouble
            async with self._changed:
                self._changed.notify_all()
            await asyncio.sleep(STATUS_SECONDS)


def build(config: AdapterConfig, place: Place) -> AdapterApp:
    """The app of a backend's entry; nothing is started before it is entered."""
    return AdapterApp(config.adapter, create(config, place), config.max_concurrency)
