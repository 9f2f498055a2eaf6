"""A gateway that drains refuses new calls on both surfaces, and answers those that run."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from gateway.conftest import Gateway, ScriptedRouter
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import Reason
from thinmesh_core.status import from_rpc_error

CHAT: Any = {"model": "m", "messages": [{"role": "user", "content": "a"}]}
REQUEST = pb.GenerateRequest(model="m", text="a")


async def test_new_calls_are_sent_elsewhere_and_running_ones_answered(
    gateway: Gateway, router: ScriptedRouter, stub: Any
) -> None:
    router.hold = asyncio.Event()
    running = stub.Generate(REQUEST, metadata=gateway.metadata(), timeout=9)
    await router.began.wait()
    await gateway.app.drain()
    assert gateway.app.problems() == ["draining"]
    async with gateway.session() as session, session.post("/v1/chat/completions", json=CHAT) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (503, "draining")
        assert (response.headers["connection"], response.headers["x-should-retry"]) == ("close", "true")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.Generate(REQUEST, metadata=gateway.metadata(), timeout=9)
    assert from_rpc_error(raised.value).reason is Reason.DRAINING
    router.hold.set()
    assert (await running).choices[0].text == "answer 1"
    assert router.calls == 1
