"""Cases of tensors: a model that declares them says their shapes, and answers a request of that shape by every way."""

from __future__ import annotations

from collections.abc import AsyncIterator

from thinmesh.inference.v1 import capability_pb2 as cap
from tritonclient.grpc import service_pb2 as pb

from thinmesh_adapters.conformance.case import Case, InapplicableError, capability
from thinmesh_adapters.conformance.target import CALL_SECONDS, Target, expect, refusal
from thinmesh_core.errors import Reason
from thinmesh_core.tensor_stream import failed
from thinmesh_core.tensors import BYTES, SIZES, elements, pack_bytes, unpack_bytes

TENSORS = (capability(cap.CAPABILITY_TENSORS),)


async def metadata_tells_a_models_tensors(target: Target) -> None:
    """The caller's name for the model, and each tensor's name, type and shape."""
    metadata = await _metadata(target)
    assert metadata.name == target.model, f"the model is called {metadata.name!r}"
    for tensors in (metadata.inputs, metadata.outputs):
        assert tensors, "there are no inputs, or no outputs"
        for one in tensors:
            assert one.name, "a tensor has no name"
            assert one.datatype in {*SIZES, BYTES}, f"{one.name} has the type {one.datatype!r}"


async def tensors_are_answered_as_the_metadata_says(target: Target) -> None:
    """Outputs that the metadata names, with as many bytes as their shapes say, under the caller's name for the model."""
    request = await _zeros(target)
    answer = await target.tensors.ModelInfer(request, metadata=target.metadata, timeout=CALL_SECONDS)
    assert answer.id == request.id, "the answer has another id"
    _check(target, answer, await _metadata(target))


async def a_tensor_stream_answers_each_request(target: Target) -> None:
    """Several requests in one stream, each answered under its id."""
    ids = ["one", "two", "three"]
    requests = [await _zeros(target, name) for name in ids]

    async def sent() -> AsyncIterator[pb.ModelInferRequest]:
        for request in requests:
            yield request

    metadata, answered = await _metadata(target), []
    async for response in target.tensors.ModelStreamInfer(sent(), metadata=target.metadata, timeout=CALL_SECONDS):
        assert failed(response) is None, f"an answer is an error: {response.error_message}"
        _check(target, response.infer_response, metadata)
        answered.append(response.infer_response.id)
    assert sorted(answered) == sorted(ids), f"{answered} are answered, of {ids}"


async def tensors_of_a_wrong_size_are_refused(target: Target) -> None:
    """INVALID_REQUEST, by the gateway for everyone, or by the engine where there is none."""
    request = await _zeros(target)
    request.raw_input_contents[0] += b"\0"
    error = await refusal(target.tensors.ModelInfer(request, metadata=target.metadata, timeout=CALL_SECONDS))
    expect(error, Reason.INVALID_REQUEST)


async def undeclared_tensors_are_refused(target: Target) -> None:
    """CAPABILITY_MISSING."""
    request = pb.ModelInferRequest(model_name=target.model)
    request.inputs.add(name="X", datatype="INT32", shape=[1])
    request.raw_input_contents.append(b"\0\0\0\0")
    error = await refusal(target.tensors.ModelInfer(request, metadata=target.metadata, timeout=CALL_SECONDS))
    expect(error, Reason.CAPABILITY_MISSING)


async def _metadata(target: Target) -> pb.ModelMetadataResponse:
    asked = pb.ModelMetadataRequest(name=target.model)
    answer: pb.ModelMetadataResponse = await target.tensors.ModelMetadata(asked, metadata=target.metadata, timeout=CALL_SECONDS)
    return answer


async def _zeros(target: Target, request_id: str = "one") -> pb.ModelInferRequest:
    """A request of the model's own shapes, of nothing but zeros; dimensions that are free are 1."""
    config = await target.tensors.ModelConfig(
        pb.ModelConfigRequest(name=target.model), metadata=target.metadata, timeout=CALL_SECONDS
    )
    if config.config.model_transaction_policy.decoupled:
        raise InapplicableError("the model gives any number of answers to a request")
    request = pb.ModelInferRequest(model_name=target.model, id=request_id)
    for tensor in (await _metadata(target)).inputs:
        shape = [max(dimension, 1) for dimension in tensor.shape]
        request.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=shape)
        count = elements(shape)
        zeros = pack_bytes([b""] * count) if tensor.datatype == BYTES else bytes(count * SIZES[tensor.datatype])
        request.raw_input_contents.append(zeros)
    return request


def _check(target: Target, answer: pb.ModelInferResponse, metadata: pb.ModelMetadataResponse) -> None:
    assert answer.model_name == target.model, f"the answer is by {answer.model_name!r}"
    assert {one.name for one in answer.outputs} == {one.name for one in metadata.outputs}, "other outputs than told"
    for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True):
        count = elements(list(output.shape))
        found = len(unpack_bytes(raw)) if output.datatype == BYTES else len(raw) // SIZES[output.datatype]
        assert found == count, f"{output.name} has {found} elements; its shape says {count}"


def _without_tensors(target: Target) -> str | None:
    return "tensors are declared" if cap.CAPABILITY_TENSORS in target.capabilities else None


CASES = (
    Case(metadata_tells_a_models_tensors, TENSORS),
    Case(tensors_are_answered_as_the_metadata_says, TENSORS),
    Case(a_tensor_stream_answers_each_request, TENSORS),
    Case(tensors_of_a_wrong_size_are_refused, TENSORS),
    Case(undeclared_tensors_are_refused, (_without_tensors,)),
)
