"""What strangers send beside their request: the router hears of it no more than the gateway allows, on both surfaces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from canaries import PROMPT
from gateway.conftest import Gateway, ScriptedRouter
from raw_grpc import call, told
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.wire import MAX_METADATA_BYTES, MAX_REQUEST_BYTES

BODY = {"model": "m", "prompt": PROMPT}
CENTURY = 100 * 366 * 86400
GENERATE = "/thinmesh.inference.v1.InferenceService/Generate"
REQUEST = pb.GenerateRequest(model="m", text=PROMPT)
SPOOFED = {
    "thinmesh-tenant": "first",
    "thinmesh-principal": "root",
    "thinmesh-model": "other",
    "thinmesh-hops": "3",
    "x-tenant": "first",
    "x-priority": "critical",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-user": "root",
    "x-forwarded-client-cert": "spiffe://router",
    "x-real-ip": "127.0.0.1",
    "forwarded": "for=127.0.0.1",
    "tracestate": "secret=1",
    "baggage": "a=b",
    "cookie": "a=b",
    "x-request-id": "mine",
}
OURS = {"x-request-id", "thinmesh-tenant", "thinmesh-principal", "thinmesh-hops"}
TRACES = ["", "garbage", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "ff-" + "1" * 32 + "-" + "1" * 16 + "-01", "00-" + "A" * 32 + "-" + "1" * 16 + "-01", "x" * 2000]  # fmt: skip


def heard(router: ScriptedRouter) -> dict[str, Any]:
    """The metadata of the last call, without gRPC's own."""
    return {key: value for key, value in router.metadata[-1].items() if not key.startswith((":", "user-agent", "grpc-"))}


async def test_a_router_hears_nothing_that_a_stranger_made_up(gateway: Gateway, router: ScriptedRouter, stub: Any) -> None:
    async with gateway.session() as client, client.post("/v1/completions", json=BODY, headers=SPOOFED) as response:
        assert response.status == 200
    by_rest = heard(router)
    await stub.Generate(REQUEST, metadata=gateway.metadata(*SPOOFED.items()))
    for metadata in (by_rest, heard(router)):
        assert metadata.keys() == OURS
        assert (metadata["thinmesh-tenant"], metadata["thinmesh-hops"], metadata["x-request-id"]) == ("usual", "0", "mine")
        assert metadata["thinmesh-principal"] != "root"


@pytest.mark.parametrize("trace", TRACES)
async def test_a_trace_that_is_none_goes_no_further(gateway: Gateway, router: ScriptedRouter, stub: Any, trace: str) -> None:
    sent = {"traceparent": trace}
    async with gateway.session() as client, client.post("/v1/completions", json=BODY, headers=sent) as response:
        assert response.status == 200
    assert "traceparent" not in heard(router)
    await stub.Generate(REQUEST, metadata=gateway.metadata(("traceparent", trace)))
    assert "traceparent" not in heard(router)


async def test_a_deadline_of_centuries_is_cut_to_the_mesh_s(gateway: Gateway, router: ScriptedRouter, stub: Any) -> None:
    left: list[float] = []
    began = router._begin

    async def begin(context: Any) -> int:
        left.append(context.time_remaining())
        return await began(context)

    router._begin = begin  # type: ignore[method-assign]
    await stub.Generate(REQUEST, metadata=gateway.metadata(), timeout=CENTURY)
    await told(
        gateway.grpc, call(GENERATE, ("grpc-timeout", "99999999H"), *gateway.metadata(), message=REQUEST.SerializeToString())
    )
    async with (
        gateway.session() as client,
        client.post("/v1/completions", json=BODY, headers={"grpc-timeout": "99999999H"}) as response,
    ):
        assert response.status == 200
    assert all(0 < seconds <= 600 for seconds in left)
    assert len(left) == 3


async def exchange(gateway: Gateway, *pieces: bytes) -> bytes:
    """What a gateway answers to raw bytes until it closes."""
    host, _, port = gateway.http.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    async with asyncio.timeout(10):
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


def head(gateway: Gateway, size: int) -> bytes:
    """A request whose headers count as so many bytes."""
    fixed = [("host", "a"), ("connection", "close"), ("authorization", f"Bearer {gateway.keys['usual']}")]
    path = "/v1/models"
    used = len(path) + sum(len(name) + len(value) + 32 for name, value in fixed) + len("x") + 32
    lines = [f"{name}: {value}" for name, value in (*fixed, ("x", "y" * (size - used)))]
    return "\r\n".join((f"GET {path} HTTP/1.1", *lines, "", "")).encode()


async def test_a_head_passes_up_to_the_cap_and_not_above(gateway: Gateway) -> None:
    async def status(size: int) -> bytes:
        return (await exchange(gateway, head(gateway, size)))[9:12]

    assert await status(MAX_METADATA_BYTES) != b"431"
    assert await status(MAX_METADATA_BYTES + 1) == b"431"
    assert await status(200 * 1024) == b"431"


@pytest.mark.parametrize("piece", [b"x" * 1000, b"a: b\r\n" * 200], ids=["one value", "many headers"])
async def test_a_head_without_an_end_is_not_collected(gateway: Gateway, piece: bytes) -> None:
    pieces = [b"GET /v1/models HTTP/1.1\r\nhost: a\r\nx: "]
    answer = await exchange(gateway, *pieces, *[piece] * 10_000)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    async with gateway.session() as client, client.post("/v1/completions", json=BODY) as response:
        assert response.status == 200


async def test_headers_behind_a_body_are_none(gateway: Gateway, router: ScriptedRouter) -> None:
    chunked = (
        b"POST /v1/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    )
    answer = await exchange(gateway, chunked + f"authorization: Bearer {gateway.keys['usual']}\r\n\r\n".encode())
    assert b" 401 " in answer.partition(b"\r\n")[0]
    assert not router.metadata


async def test_a_message_above_the_cap_is_refused_by_grpc(gateway: Gateway, router: ScriptedRouter, stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.Generate(pb.GenerateRequest(model="m", text="x" * MAX_REQUEST_BYTES), metadata=gateway.metadata())
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not router.metadata


async def test_bodies_together_have_a_bound_that_is_given_back(gateway: Gateway) -> None:
    began = asyncio.Semaphore(0)
    go = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b" " * (MAX_REQUEST_BYTES - 100)
        began.release()
        await go.wait()
        yield b'{"model": "m", "prompt": "hi"}'

    async def post() -> int:
        async with gateway.session() as client, client.post("/v1/completions", data=slowly()) as response:
            return response.status

    async with asyncio.TaskGroup() as tasks:
        posting = [tasks.create_task(post()) for _ in range(40)]
        for _ in posting:
            await began.acquire()
        while sum(one.done() for one in posting) < 8:
            await asyncio.sleep(0.01)
        go.set()
    statuses = [one.result() for one in posting]
    assert set(statuses) == {200, 503}
    async with gateway.session() as client, client.post("/v1/completions", json=BODY) as response:
        assert response.status == 200
