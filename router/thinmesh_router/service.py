"""InferenceService at the router: admit, forward; another backend is tried only before the first event."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

import grpc
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from thinmesh_core.capabilities import Request, choices
from thinmesh_core.channel import cancelling
from thinmesh_core.rules import StreamRules
from thinmesh_router.admission import Admission
from thinmesh_router.attempt import Attempt
from thinmesh_router.backend import Backend
from thinmesh_router.hedge import answered, hedged
from thinmesh_router.reception import received
from thinmesh_router.watchdog import Watchdog

Context = grpc.aio.ServicerContext[Any, Any]
A = TypeVar("A", bound=pb.GenerateResponse | pb.EmbedResponse | pb.RerankResponse | pb.CountTokensResponse)
Method = Callable[[Backend], Callable[..., Awaitable[A]]]


class InferenceService(inference_grpc.InferenceServiceServicer):
    """Forwards each call to a backend, unchanged, with its deadline and identity."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Context) -> AsyncGenerator[pb.GenerateEvent, None]:
        """The backend's events, as they come, while the quotas cover them."""
        with await received(self._admission, request, context, streaming=True) as ticket:
            while True:
                with await ticket.attempt() as attempt:
                    rules = StreamRules(choices(request))
                    stub = attempt.backend.inference
                    stream = stub.StreamGenerate(request, metadata=attempt.metadata, timeout=attempt.seconds)
                    async with cancelling(stream):
                        with Watchdog(stream, self._admission.config.watchdog) as watchdog:
                            watchdog.waits()
                            while isinstance(event := await stream.read(), pb.GenerateEvent):  # else it is the end
                                watchdog.heard()
                                rules.check(event)
                                if not ticket.committed:
                                    attempt.heard()
                                    await ticket.tell(context)
                                if not ticket.covers(event) and not await ticket.extend():
                                    yield ticket.cut(event, rules)
                                    return
                                yield event
                                watchdog.waits()
                    rules.end()
                    return

    async def Generate(self, request: pb.GenerateRequest, context: Context) -> pb.GenerateResponse:
        """The backend's whole answer."""
        return await self._unary(request, context, lambda backend: backend.inference.Generate)

    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        """The backend's vectors."""
        return await self._unary(request, context, lambda backend: backend.inference.Embed)

    async def Rerank(self, request: pb.RerankRequest, context: Context) -> pb.RerankResponse:
        """The backend's order."""
        return await self._unary(request, context, lambda backend: backend.inference.Rerank)

    async def CountTokens(self, request: pb.CountTokensRequest, context: Context) -> pb.CountTokensResponse:
        """The backend's count."""
        return await self._unary(request, context, lambda backend: backend.inference.CountTokens)

    async def _unary(self, request: Request, context: Context, method: Method[A]) -> A:
        async def ask(attempt: Attempt) -> A:
            call = method(attempt.backend)
            answer = await call(request, metadata=attempt.metadata, timeout=attempt.seconds)
            attempt.heard()
            return answer

        with await received(self._admission, request, context, streaming=False) as ticket:
            hedge = None if isinstance(request, pb.GenerateRequest) else ticket.route.hedge_seconds
            answer = await (answered(ticket, ask) if hedge is None else hedged(ticket, ask, hedge))
            ticket.answered(None if isinstance(answer, pb.CountTokensResponse) else answer.usage)
            await ticket.tell(context)
            return answer
