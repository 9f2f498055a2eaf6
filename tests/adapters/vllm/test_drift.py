"""Whether an engine speaks the revision of a protocol that is known here, by what it says of it."""

from __future__ import annotations

import pytest
from grpc_reflection.v1alpha import reflection_pb2 as reflection

from fakes.raw_grpc import raw_grpc
from thinmesh_adapters.vllm.drift import speaks
from thinmesh_adapters.vllm.engine import Engine
from thinmesh_core.errors import MeshError, Reason


@pytest.mark.parametrize(
    "said",
    [
        b"\xff\xff",
        reflection.ServerReflectionResponse(
            file_descriptor_response=reflection.FileDescriptorResponse(file_descriptor_proto=[b"\xff\xff"])
        ).SerializeToString(),
    ],
    ids=["no answer", "no description"],
)
async def test_a_description_that_does_not_parse_is_the_engines_fault(said: bytes) -> None:
    async with raw_grpc({"ServerReflectionInfo": said}) as address:
        engine = Engine(address)
        with pytest.raises(MeshError) as raised:
            await speaks(engine, "a.Service", {})
        await engine.close()
    assert raised.value.reason is Reason.ENGINE_PROTOCOL
