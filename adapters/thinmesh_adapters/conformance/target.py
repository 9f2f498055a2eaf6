"""What is put to the test: a channel, a model, and what the server says the model can do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import grpc
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.adapter.v1 import adapter_service_pb2_grpc as adapter_grpc
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.model.v1 import model_service_pb2 as model_pb
from thinmesh.model.v1 import model_service_pb2_grpc as model_grpc
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_adapters.conformance.engine import EngineSwitches
from thinmesh_core.call import Metadata
from thinmesh_core.capabilities import Capability, choices
from thinmesh_core.channel import cancelling
from thinmesh_core.errors import TABLE, Reason
from thinmesh_core.rules import StreamRules
from thinmesh_core.status import DETAILS_KEY, from_rpc_error

CALL_SECONDS = 60.0
"""What one call of a case may take: embedded engines are slow on small machines."""

UNKNOWN_CONTEXT = 40_000
"""Tokens that an endless answer may have where the context's length is not known: more than any engine says in a moment."""

PROMPT = "Count: one two three four five six"


class UnfitError(Exception):
    """The server can't be tested; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server of the contract. `adapter` is set where it serves AdapterService too, `listed` where it knows models by name.

    The rest is known only to who started it, and without it the cases that need it are skipped: the fake `engine` behind it,
    its process, a stub to the same server without a wire, and how to start another one like it.
    """

    stub: Any
    tensors: Any
    model: str
    capabilities: frozenset[Capability]
    context_length: int | None
    metadata: Metadata
    adapter: Any | None
    listed: bool
    engine: EngineSwitches | None = None
    pid: int | None = None
    beside: Any | None = None
    spare: Callable[[], AbstractAsyncContextManager[Target]] | None = None

    async def generate(self, request: pb.GenerateRequest, *, seconds: float = CALL_SECONDS) -> pb.GenerateResponse:
        """A whole answer."""
        answer: pb.GenerateResponse = await self.stub.Generate(request, metadata=self.metadata, timeout=seconds)
        return answer

    def stream(self, request: pb.GenerateRequest, *, seconds: float = CALL_SECONDS) -> Any:
        """A streaming call."""
        return self.stub.StreamGenerate(request, metadata=self.metadata, timeout=seconds)

    async def read(self, request: pb.GenerateRequest, *, seconds: float = CALL_SECONDS) -> None:
        """Reads a stream to its end, and holds it to the rules of streams."""
        rules = StreamRules(choices(request))
        async for event in self.stream(request, seconds=seconds):
            rules.check(event)
        rules.end()

    async def status(self) -> adapter_pb.Status:
        """What the adapter says of itself."""
        assert self.adapter is not None
        answer: adapter_pb.GetStatusResponse = await self.adapter.GetStatus(
            adapter_pb.GetStatusRequest(), metadata=self.metadata, timeout=CALL_SECONDS
        )
        return answer.status

    def request(
        self, text: str = PROMPT, *, max_tokens: int = 12, stop: tuple[str, ...] = (), **fields: Any
    ) -> pb.GenerateRequest:
        """A greedy generation from text, or from a chat where the model has no completions."""
        request = pb.GenerateRequest(model=self.model, **fields)
        if cap.CAPABILITY_COMPLETION in self.capabilities:
            request.text = text
        else:
            request.chat.messages.add(role=chat_pb2.ROLE_USER).content.add(text=text)
        request.sampling.temperature = 0
        request.sampling.seed = 1
        request.stopping.MergeFrom(sampling_pb2.Stopping(max_tokens=max_tokens, stop=stop))
        return request

    def endless(self, text: str = PROMPT) -> pb.GenerateRequest:
        """A generation that goes on for as long as the model's context allows."""
        request = self.request(text, max_tokens=min((self.context_length or UNKNOWN_CONTEXT) * 3 // 4, 1_000_000))
        request.stopping.ignore_eos = True
        return request


async def refusal(call: Awaitable[object]) -> grpc.aio.AioRpcError:
    """The error that a call ends in; a failed case where it does not."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("it was answered")


def expect(error: grpc.aio.AioRpcError, reason: Reason) -> None:
    """Fails the case where the error has another code, or says another reason; a stranger's need not say any."""
    told = f"{error.code().name}: {error.details()}"
    assert error.code() is TABLE[reason].grpc, f"{told} in place of {reason.name}"
    if any(key == DETAILS_KEY for key, _ in error.trailing_metadata() or ()):
        found = from_rpc_error(error).reason
        assert found is reason, f"{found.name} in place of {reason.name} ({told})"


async def connect(channel: grpc.aio.Channel, model: str | None, metadata: Metadata = ()) -> Target:
    """Asks a server what it serves; the first model that is ready where none is named. UnfitError where it says nothing."""
    stub, tensors = inference_grpc.InferenceServiceStub(channel), tensor_grpc.GRPCInferenceServiceStub(channel)
    try:
        models = model_grpc.ModelServiceStub(channel)
        listing = await models.ListModels(model_pb.ListModelsRequest(), metadata=metadata, timeout=CALL_SECONDS)
        for one in listing.models:
            if one.ready and model in {None, one.id, *one.aliases}:
                length = one.context_length if one.HasField("context_length") else None
                return Target(stub, tensors, one.id, frozenset(one.capabilities), length, metadata, None, listed=True)
        raise UnfitError(f"the server has no model {model or ''} that is ready")
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
            raise UnfitError(f"the server does not list its models: {error.code().name}: {error.details()}") from error
    adapter = adapter_grpc.AdapterServiceStub(channel)
    try:
        answer = await adapter.GetStatus(adapter_pb.GetStatusRequest(), metadata=metadata, timeout=CALL_SECONDS)
    except grpc.aio.AioRpcError as error:
        raise UnfitError(f"the server does not say its status: {error.code().name}: {error.details()}") from error
    for served in answer.status.models:
        if model in {None, served.name}:
            length = served.context_length if served.HasField("context_length") else None
            return Target(stub, tensors, served.name, frozenset(served.capabilities), length, metadata, adapter, listed=False)
    raise UnfitError(f"the adapter serves no model {model or ''}: {answer.status.message}")


async def until_ready(channel: grpc.aio.Channel) -> None:
    """Waits until the adapter there takes calls."""
    adapter: Any = adapter_grpc.AdapterServiceStub(channel)
    request = adapter_pb.WatchStatusRequest()
    async with cancelling(adapter.WatchStatus(request, timeout=CALL_SECONDS, wait_for_ready=True)) as watch:
        async for told in watch:
            if told.status.state == adapter_pb.STATE_READY:
                return
