"""The triton adapter against servers that are none, or odd ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import sampling_pb2
from tritonclient.grpc import service_pb2 as tensor_pb

from fakes.raw_grpc import raw_grpc
from thinmesh_adapters.contract import Place
from thinmesh_adapters.triton.adapter import TritonAdapter
from thinmesh_adapters.triton.config import Options, TextModel
from thinmesh_core.call import Call
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.tensors import pack_bytes


@pytest.mark.parametrize("version", ["", "1.0", "2.37.0", "new", f"2.{'9' * 5000}", "9" * 5000])
async def test_a_version_that_is_too_old_or_none_is_refused(version: str) -> None:
    metadata = tensor_pb.ServerMetadataResponse(name="another", version=version)
    async with (
        raw_grpc({"ServerMetadata": metadata.SerializeToString()}) as address,
        TritonAdapter(Options(address=address), Place("triton", Path("/nowhere"))) as adapter,
    ):
        with pytest.raises(MeshError, match="is another") as raised:
            await adapter.status()
    assert raised.value.reason is Reason.ENGINE_UNAVAILABLE


SAID = tensor_pb.ModelInferResponse(model_name="m", id="job-1.1")
SAID.outputs.add(name="text_output", datatype="BYTES")
SAID.raw_output_contents.append(pack_bytes([b"a END b"]))
SAID.outputs.add(name="num_output_tokens", datatype="UINT32")
SAID.raw_output_contents.append((3).to_bytes(4, "little"))

METADATA = tensor_pb.ModelMetadataResponse(name="m")
for name, datatype in (("text_input", "BYTES"), ("stream", "BOOL"), ("sampling_parameters", "BYTES")):
    METADATA.inputs.add(name=name, datatype=datatype, shape=[1])

ANSWERS = {
    "ModelMetadata": METADATA.SerializeToString(),
    "ModelInfer": SAID.SerializeToString(),
    "ModelStreamInfer": tensor_pb.ModelStreamInferResponse(infer_response=SAID).SerializeToString(),
}
STEP = Call("r-1", "t", "p", model="m", seconds=5.0, step="job-1.1")


@pytest.fixture
async def adapter() -> AsyncIterator[TritonAdapter]:
    async with raw_grpc(ANSWERS) as address:
        options = Options(address=address, text={"m": TextModel()})
        async with TritonAdapter(options, Place("triton", Path("/nowhere"))) as adapter:
            yield adapter


@pytest.mark.parametrize(("least", "text"), [(0, "a "), (2, "a "), (3, "a END b")])
async def test_stops_hold_once_the_least_tokens_have_come(adapter: TritonAdapter, least: int, text: str) -> None:
    stopping = sampling_pb2.Stopping(stop=["END"], min_tokens=least)
    answer = await adapter.answer(pb.GenerateRequest(model="m", text="x", stopping=stopping), STEP)
    assert answer.choices[0].text == text


@pytest.mark.parametrize("given", ["", "mine"])
async def test_a_caller_is_told_its_own_id_and_not_the_steps(adapter: TritonAdapter, given: str) -> None:
    request = tensor_pb.ModelInferRequest(model_name="m", id=given)
    assert (await adapter.infer(request, STEP)).id == given
    async with aclosing(adapter.stream_infer(request, STEP)) as answers:
        assert [one.infer_response.id async for one in answers] == [given]
