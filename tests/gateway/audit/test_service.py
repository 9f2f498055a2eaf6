"""AuditService over a real socket."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest
from gateway.conftest import Serve
from thinmesh.gateway.v1 import audit_service_pb2 as pb
from thinmesh.gateway.v1 import audit_service_pb2_grpc as audit_grpc

from thinmesh_core.channel import dial
from thinmesh_core.status import from_rpc_error
from thinmesh_gateway.keys import KeyStore


async def test_an_auditor_reads_its_own_tenants_entries_page_by_page(serve: Serve, state: Path) -> None:
    key = KeyStore(state).create("usual", 0, principal="alice", roles=("auditor",))
    gateway = await serve()
    for tenant in ("usual", "last"):
        async with gateway.session(tenant) as session:
            for model in ("a", "b", "c"):
                async with session.post("/v1/completions", json={"model": model, "prompt": "x"}) as response:
                    assert response.status == 200
    await asyncio.to_thread(gateway.app._audit.write_lines)
    await asyncio.to_thread(gateway.app._audit.write_database)
    metadata = (("authorization", f"Bearer {key}"),)
    async with dial(gateway.grpc) as channel:
        stub: Any = audit_grpc.AuditServiceStub(channel)
        first = await stub.ListEntries(pb.ListEntriesRequest(page_size=2), metadata=metadata)
        rest = await stub.ListEntries(pb.ListEntriesRequest(page_token=first.next_page_token), metadata=metadata)
        found = [*first.entries, *rest.entries]
        assert {(one.operation, one.decision) for one in found} >= {("POST /v1/completions", "ALLOWED")}
        assert sorted(one.model for one in found if one.model) == ["a", "b", "c"]
        assert all(one.unix_ms >= other.unix_ms for one, other in pairwise(found))
        later = pb.ListEntriesRequest(since_unix_ms=found[0].unix_ms + 60_000)
        assert not (await stub.ListEntries(later, metadata=metadata)).entries
        (one,) = (await stub.ListEntries(pb.ListEntriesRequest(request_id=found[0].request_id), metadata=metadata)).entries
        assert one == found[0]
        assert one.timing.total_ms == one.timing.gateway_ms > 0  # the scripted router tells nothing of its part
        for wrong, param in (
            (pb.ListEntriesRequest(page_size=1001), "page_size"),
            (pb.ListEntriesRequest(page_token="x"), "page_token"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await stub.ListEntries(wrong, metadata=metadata)
            assert from_rpc_error(raised.value).param == param
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.ListEntries(pb.ListEntriesRequest(), metadata=gateway.metadata())
        assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
