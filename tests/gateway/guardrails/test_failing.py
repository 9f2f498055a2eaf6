"""A guardrail that is slow or stuck, through a whole gateway: the loop goes on, and the tenant's policy decides."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from gateway.conftest import TENANTS, Gateway, ScriptedRouter, Serve
from grpc.aio import AioRpcError
from tritonclient.grpc import service_pb2 as tensor_pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from fakes.adapter import reason
from thinmesh_core.channel import dial
from thinmesh_core.config import convert
from thinmesh_gateway.config import Tenant
from thinmesh_gateway.guardrails import registry
from thinmesh_gateway.guardrails.contract import ALLOW, Decision, Guardrail, Text

CHAT = {"model": "m", "messages": [{"role": "user", "content": "a"}]}


class Nothing(msgspec.Struct, frozen=True):
    """No settings."""


class Waiting(Guardrail[Nothing]):
    """Waits until it is let go, wherever it is asked."""

    settings_type = Nothing
    begun = threading.Event()
    let_go = threading.Event()

    def before(self, texts: Sequence[Text]) -> Decision:
        self.begun.set()
        self.let_go.wait()
        return ALLOW

    after = before


@pytest.fixture(autouse=True)
def waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It is installed, and let go in the end."""
    monkeypatch.setitem(registry.BUILT_IN, "waiting", Waiting)
    yield
    Waiting.let_go.set()
    Waiting.let_go, Waiting.begun = threading.Event(), threading.Event()


def guarded(when: str, **entry: Any) -> dict[str, Tenant]:
    entry = {"guardrails": [{"name": "waiting", "when": [when], **entry}]}
    return TENANTS | {"usual": convert(entry, Tenant, source="test")}


async def asked(gateway: Gateway, tenant: str = "usual", *, stream: bool = False) -> tuple[int, str, str | None]:
    async with (
        gateway.session(tenant) as session,
        session.post("/v1/chat/completions", json=CHAT | {"stream": stream}) as response,
    ):
        return response.status, await response.text(), response.headers.get("retry-after")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_loop_goes_on_while_a_guardrail_thinks(serve: Serve, when: str) -> None:
    gateway = await serve(tenants=guarded(when, seconds=60))
    slow = asyncio.create_task(asked(gateway))
    async with asyncio.timeout(10):
        while not Waiting.begun.is_set():
            await asyncio.sleep(0.001)
        assert (await asked(gateway, "first"))[0] == 200
    assert not slow.done()
    Waiting.let_go.set()
    assert (await slow)[0] == 200


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_stuck_one_fails_closed_or_open_as_the_tenant_has_it(
    serve: Serve, router: ScriptedRouter, when: str, stream: bool
) -> None:
    closed = await serve(tenants=guarded(when, seconds=0.02))
    status, body, retry = await asked(closed, stream=stream)
    assert (status, retry) == (503, "1")
    assert "guardrail_unavailable" in body
    assert "answer" not in body
    assert router.calls == (when == "after")
    opened = await serve(tenants=guarded(when, seconds=0.02, when_failing="open"))
    status, body, _ = await asked(opened, stream=stream)
    assert status == 200
    assert f"answer {router.calls}" in body


async def test_no_tensor_passes_by_guardrails(serve: Serve) -> None:
    gateway = await serve(tenants=guarded("before"))
    tensor = tensor_pb.ModelInferRequest.InferInputTensor(name="x", datatype="BYTES", shape=[1])
    request = tensor_pb.ModelInferRequest(model_name="m", inputs=[tensor], raw_input_contents=[b"\1\0\0\0a"])
    async with dial(gateway.grpc) as channel:
        stub: Any = tensor_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(AioRpcError, match="guardrails need text") as raised:
            await stub.ModelInfer(request, metadata=gateway.metadata(), timeout=10)
        assert reason(raised.value) == "INVALID_REQUEST"
        responses = stub.ModelStreamInfer(iter([request]), metadata=gateway.metadata(), timeout=10)
        (told,) = [one.error_message async for one in responses]
        assert "guardrails need text" in told
    async with gateway.session() as session:
        body = {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": ["a"]}]}
        async with session.post("/v2/models/m/infer", json=body) as response:
            assert (response.status, "guardrails need text" in await response.text()) == (400, True)
