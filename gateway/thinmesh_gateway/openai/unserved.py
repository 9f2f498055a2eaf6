"""OpenAI's endpoints for workers: a body comes, the very endpoint of the REST table answers it, and there is no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from thinmesh.gateway.v1 import openai_service_pb2 as pb
from thinmesh.gateway.v1 import openai_service_pb2_grpc as openai_grpc
from thinmesh.inference.v1 import error_reason_pb2

from thinmesh_core.errors import MeshError
from thinmesh_core.http import Message
from thinmesh_core.intake import Intake
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.exchange import Answer, Reply, Request
from thinmesh_gateway.idempotency.key import KEY
from thinmesh_gateway.openai.routes import OpenAIRoutes, told
from thinmesh_gateway.reception import Context, Reception


class OpenAIService(openai_grpc.OpenAIServiceServicer):
    """One method an endpoint, so that each has the action of its endpoint."""

    def __init__(self, reception: Reception, routes: OpenAIRoutes) -> None:
        self._reception = reception
        self._routes = routes
        self._intake = Intake()

    async def Chat(self, request: pb.ChatRequest, context: Context) -> pb.ChatResponse:
        """POST /v1/chat/completions."""
        return pb.ChatResponse(answer=await self._answer(self._routes.chat, request.body, context))

    async def Complete(self, request: pb.CompleteRequest, context: Context) -> pb.CompleteResponse:
        """POST /v1/completions."""
        return pb.CompleteResponse(answer=await self._answer(self._routes.completions, request.body, context))

    async def Embed(self, request: pb.EmbedRequest, context: Context) -> pb.EmbedResponse:
        """POST /v1/embeddings."""
        return pb.EmbedResponse(answer=await self._answer(self._routes.embeddings, request.body, context))

    async def Rerank(self, request: pb.RerankRequest, context: Context) -> pb.RerankResponse:
        """POST /v1/rerank."""
        return pb.RerankResponse(answer=await self._answer(self._routes.rerank, request.body, context))

    async def _answer(
        self, endpoint: Callable[[Request, AuthorizedCall], Awaitable[Reply]], body: bytes, context: Context
    ) -> pb.RestAnswer:
        with self._reception.admit(context) as call:
            request = Unserved(body, call.request_id, self._intake)
            try:
                answer = await endpoint(request, call)
            except MeshError as error:
                call.trail.failed(error)
                return _refused(error)
            finally:
                request.close()
            assert isinstance(answer, Answer)  # endpoints refuse to stream under a key
            return pb.RestAnswer(status=answer.status, body=answer.body)


class Unserved(Request):
    """A body that came by no HTTP. Its key is the step's: every attempt has the same, and none may stream."""

    def __init__(self, body: bytes, step: str, intake: Intake) -> None:
        self._message: Message | None = {"type": "http.request", "body": body}
        super().__init__({"headers": [(KEY.encode(), step.encode())]}, self._receive, intake)

    async def _receive(self) -> Message:
        message, self._message = self._message, None
        if message is None:  # a worker that leaves cancels its call: there is no disconnect to be told
            await asyncio.get_running_loop().create_future()
            raise AssertionError
        return message


def _refused(error: MeshError) -> pb.RestAnswer:
    answer = told(error)
    return pb.RestAnswer(
        status=answer.status,
        body=answer.body,
        reason=error_reason_pb2.ErrorReason.ValueType(error.reason.value),
        retry_after_seconds=error.retry_after,
    )
