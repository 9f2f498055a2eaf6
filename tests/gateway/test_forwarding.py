"""A router that dies before its first word costs no call, where another is there; one that fails in its own words does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from canaries import PROMPT
from channels import Servicer
from gateway.conftest import unread
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from tritonclient.grpc import service_pb2 as tensor_pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_gateway.audit.trail import Trail
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.forwarding import deaf
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.inference import Inference
from thinmesh_gateway.roles import Models
from thinmesh_gateway.tensors import Tensors

TensorServicer: Any = tensor_grpc.GRPCInferenceServiceServicer
REQUEST = pb.GenerateRequest(model="m", text=PROMPT)
EMBED = pb.EmbedRequest(model="m", inputs=[pb.EmbedInput(text=PROMPT)])
TENSORS = tensor_pb.ModelInferRequest(
    model_name="m",
    inputs=[tensor_pb.ModelInferRequest.InferInputTensor(name="x", datatype="INT32", shape=[1])],
    raw_input_contents=[b"\0\0\0\0"],
)
TRAIL = Trail(unread, "grpc", "any", None, "r")
CALL = AuthorizedCall("r", "t", "p", holder=Principal("p", "t", ()), models=Models(["*"]), trail=TRAIL)


class Dying(Servicer, TensorServicer):
    """Dies for the first `deaths` calls, as the wire tells it: without a word of the mesh's; after `after` events."""

    def __init__(self, deaths: int, after: int = 0) -> None:
        self.deaths = deaths
        self.after = after
        self.calls = 0
        self.error: MeshError | None = None

    async def _live(self, context: Any) -> None:
        if self.error is not None:
            raise self.error
        if self.calls <= self.deaths:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")

    async def Embed(self, request: Any, context: Any) -> pb.EmbedResponse:
        self.calls += 1
        await self._live(context)
        return pb.EmbedResponse()

    async def StreamGenerate(self, request: Any, context: Any) -> AsyncIterator[pb.GenerateEvent]:
        self.calls += 1
        for _ in range(self.after):
            yield pb.GenerateEvent()
        await self._live(context)
        yield pb.GenerateEvent()

    async def ModelStreamInfer(self, requests: Any, context: Any) -> AsyncIterator[tensor_pb.ModelStreamInferResponse]:
        self.calls += 1
        await self._live(context)
        yield tensor_pb.ModelStreamInferResponse()


def behind(router: Dying) -> tuple[Inference, Tensors]:
    server = InProcessServer("router", [ErrorInterceptor()])
    inference_grpc.add_InferenceServiceServicer_to_server(router, server)
    tensor_grpc.add_GRPCInferenceServiceServicer_to_server(router, server)
    channel = InProcessChannel(server)
    return Inference(channel, 10.0), Tensors(channel, 10.0)


async def test_a_call_is_moved_once() -> None:
    router = Dying(1)
    inference, tensors = behind(router)
    await inference.embed(EMBED, CALL, deaf)
    router.calls = 0
    assert len([event async for event in inference.stream(REQUEST, CALL, deaf)]) == 1
    router.calls = 0
    assert len([response async for response in tensors.stream(TENSORS, CALL, deaf)]) == 1


@pytest.mark.parametrize(("deaths", "after", "calls"), [(9, 0, 2), (9, 1, 1)], ids=["both die", "after the first event"])
async def test_and_not_more_and_not_after_the_first_event(deaths: int, after: int, calls: int) -> None:
    router = Dying(deaths, after)
    inference, _ = behind(router)
    with pytest.raises(MeshError) as raised:
        assert [event async for event in inference.stream(REQUEST, CALL, deaf)]
    assert (raised.value.reason, router.calls) == (Reason.NO_BACKEND, calls)


async def test_what_the_router_itself_says_is_final() -> None:
    router = Dying(9)
    router.error = MeshError(Reason.NO_BACKEND, "none")
    inference, tensors = behind(router)
    for answer in (inference.stream(REQUEST, CALL, deaf), tensors.stream(TENSORS, CALL, deaf)):
        with pytest.raises(MeshError) as raised:
            assert [event async for event in answer]
        assert raised.value.reason is Reason.NO_BACKEND
    assert router.calls == 2
