"""Which method of the gateway answers which of OpenAI's endpoints, and what its refusals are."""

from __future__ import annotations

import msgspec
import pytest
from canaries import PROMPT
from thinmesh.gateway.v1 import openai_service_pb2 as pb
from thinmesh.gateway.v1 import openai_service_pb2_grpc as openai_grpc
from thinmesh.inference.v1 import error_reason_pb2

from thinmesh_core.errors import Reason
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_pipelines.endpoints import asking, refusal

METHODS = {
    "/v1/chat/completions": ("Chat", pb.ChatRequest),
    "/v1/completions": ("Complete", pb.CompleteRequest),
    "/v1/embeddings": ("Embed", pb.EmbedRequest),
    "/v1/rerank": ("Rerank", pb.RerankRequest),
}


@pytest.mark.parametrize("endpoint", METHODS)
async def test_each_endpoint_is_asked_by_its_method(endpoint: str) -> None:
    stub = openai_grpc.OpenAIServiceStub(InProcessChannel(InProcessServer("gateway")))
    method, request = asking(stub, endpoint, PROMPT.encode())
    name, kind = METHODS[endpoint]
    assert (method, request) == (getattr(stub, name), kind(body=PROMPT.encode()))


def test_a_refusal_says_what_the_endpoint_did() -> None:
    body = msgspec.json.encode({"error": {"message": "Busy.", "type": "server_error", "param": None, "code": "overloaded"}})
    answer = pb.RestAnswer(status=503, body=body, reason=error_reason_pb2.ERROR_REASON_OVERLOADED, retry_after_seconds=2.0)
    error = refusal(answer)
    assert (error.reason, error.message, error.retry_after) == (Reason.OVERLOADED, "Busy.", 2.0)
    answer.ClearField("retry_after_seconds")
    assert refusal(answer).retry_after is None
