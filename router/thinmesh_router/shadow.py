"""Copies of a share of a model's calls, made on a backend that is tried out: answers are dropped, their cost is counted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self

from grpc.aio import AioRpcError
from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core.call import Call
from thinmesh_core.capabilities import Request, required
from thinmesh_core.errors import MeshError
from thinmesh_core.telemetry import SHADOW_CALLS, SHADOW_TOKENS
from thinmesh_router.backend import Backend
from thinmesh_router.placement import Place, Placement
from thinmesh_router.queues import Queues
from thinmesh_router.routes import Route

log = logging.getLogger(__name__)

_METHODS: dict[type[Request], Callable[[Backend], Callable[..., Awaitable[Any]]]] = {
    pb.GenerateRequest: lambda backend: backend.inference.Generate,
    pb.EmbedRequest: lambda backend: backend.inference.Embed,
    pb.RerankRequest: lambda backend: backend.inference.Rerank,
    pb.CountTokensRequest: lambda backend: backend.inference.CountTokens,
    tensor_pb.ModelInferRequest: lambda backend: backend.tensors.ModelInfer,
}


class Shadows:
    """Makes the copies; enter it to be able to. As many run at once as their backends have room for, and none waits."""

    def __init__(self, placement: Placement, queues: Queues) -> None:
        self._placement = placement
        self._queues = queues
        self._running: set[asyncio.Task[None]] = set()
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        """Copies may run."""
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Ends those that run."""
        for task in self._running:
            task.cancel()
        await self._tasks.__aexit__(None, None, None)

    def follow(self, request: Request, call: Call, route: Route, seconds: float) -> None:
        """A call was let in: makes its copy, if its turn and a place there allow it."""
        place = self._placement.beside(route, required(request), time.monotonic())
        if place is not None:
            task = self._tasks.create_task(self._run(request, call, route.model, place, seconds))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, request: Request, call: Call, model: str, place: Place, seconds: float) -> None:
        backend = place.backend.name
        method = _METHODS[type(request)](place.backend)
        code = "OK"
        try:
            answer = await method(request, metadata=call.forwarded(place.model).to_metadata(), timeout=seconds)
        except AioRpcError as error:
            code = error.code().name
        except MeshError as error:
            code = error.row.grpc.name
        except Exception:  # a copy's failure must not end the others, nor the router
            log.exception("a copy for %s failed", backend)
            code = "UNKNOWN"
        else:
            if isinstance(answer, pb.GenerateResponse | pb.EmbedResponse | pb.RerankResponse):
                SHADOW_TOKENS.labels(model, backend).inc(answer.usage.prompt_tokens + answer.usage.completion_tokens)
        finally:
            self._queues.release(place)
            SHADOW_CALLS.labels(model, backend, code).inc()
