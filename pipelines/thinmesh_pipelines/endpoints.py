"""OpenAI's endpoints as the gateway serves them to workers: which method answers which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec
from google.protobuf.message import Message
from thinmesh.gateway.v1 import openai_service_pb2 as pb
from thinmesh.gateway.v1 import openai_service_pb2_grpc as openai_grpc
from thinmesh.inference.v1 import error_reason_pb2

from thinmesh_core.errors import MeshError, Reason


class Answered(Protocol):
    """What every method answers with."""

    @property
    def answer(self) -> pb.RestAnswer:
        """What a client would have been answered."""
        ...


Method = Callable[..., Awaitable[Answered]]


def asking(gateway: openai_grpc.OpenAIServiceAsyncStub, endpoint: str, body: bytes) -> tuple[Method, Message]:
    """The method of an endpoint, and what it is asked with."""
    methods: dict[str, tuple[Any, Callable[..., Message]]] = {
        "/v1/completions": (gateway.Complete, pb.CompleteRequest),
        "/v1/embeddings": (gateway.Embed, pb.EmbedRequest),
        "/v1/rerank": (gateway.Rerank, pb.RerankRequest),
    }
    method, message = methods.get(endpoint, (gateway.Chat, pb.ChatRequest))
    return method, message(body=body)


class _Error(msgspec.Struct):
    message: str
    type: str = ""
    param: str | None = None
    code: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error


def refusal(answer: pb.RestAnswer) -> MeshError:
    """The error that an answer is."""
    message = msgspec.json.decode(answer.body, type=_ErrorBody).error.message
    wait = answer.retry_after_seconds if answer.HasField("retry_after_seconds") else None
    return MeshError(Reason(answer.reason), message, retry_after=wait)


def refused(error: MeshError) -> pb.RestAnswer:
    """The answer that an error is."""
    row = error.row
    body = msgspec.json.encode(_ErrorBody(_Error(error.message, row.type, error.param, row.code)))
    reason = error_reason_pb2.ErrorReason.ValueType(error.reason.value)
    return pb.RestAnswer(status=row.http, body=body, reason=reason, retry_after_seconds=error.retry_after)
