"""The triton adapter against servers that are none, or odd ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from tritonclient.grpc import service_pb2 as tensor_pb

from fakes.raw_grpc import raw_grpc
from thinmesh_adapters.contract import Place
from thinmesh_adapters.triton.adapter import TritonAdapter
from thinmesh_adapters.triton.config import Options
from thinmesh_core.errors import MeshError, Reason


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
