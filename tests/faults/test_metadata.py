"""Metadata and headers of every size: the same answer each time, at our own cap and not at a library's."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import grpc
import pytest
from canaries import PHRASE
from grpc.aio import AioRpcError, Metadata
from launch import ECHO, Running, mesh
from load import Record, session
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from thinmesh_core.channel import dial
from thinmesh_core.wire import MAX_METADATA_BYTES

REQUEST = pb.GenerateRequest(model="echo", text=PHRASE)
TIMES = 5
FITS = MAX_METADATA_BYTES - 1024
"""Less than the cap by what gRPC's own headers and the key need."""

SIZES = [1024, FITS, 7 * 1024 + 512, 9 * 1024, 14 * 1024, 20 * 1024, 200 * 1024]


@pytest.mark.faults
async def test_fault_45_metadata_has_one_answer_a_size(state: Path, record_property: Record) -> None:
    """Metadata of 1 to 200 KiB, as text and as bytes, 5 times each -> up to our cap of 6 KiB all pass, above none."""
    async with mesh(ECHO, state, "up") as running, dial(running.grpc) as channel:
        stub = inference_grpc.InferenceServiceStub(channel)

        async def code(key: str, value: str | bytes) -> grpc.StatusCode:
            try:
                await stub.Generate(REQUEST, metadata=Metadata(*running.metadata, (key, value)), timeout=10)
            except AioRpcError as error:
                return error.code()
            return grpc.StatusCode.OK

        text = {size: {await code("x-long", "x" * size) for _ in range(TIMES)} for size in SIZES}
        data = {size: {await code("x-long-bin", b"\x00\xff" * (size // 2)) for _ in range(TIMES)} for size in SIZES}
        small = await code("x-small-bin", bytes(range(256)))
    expected = {size: {grpc.StatusCode.OK if size <= FITS else grpc.StatusCode.RESOURCE_EXHAUSTED} for size in SIZES}
    told = {size: "/".join(sorted(code.name for code in codes)) for size, codes in text.items()}
    record_property("told", ", ".join(f"{size / 1024:.3g} KiB {codes}" for size, codes in told.items()))
    assert text == expected
    assert data == expected
    assert small is grpc.StatusCode.OK


@pytest.mark.faults
async def test_fault_45_headers_have_one_answer_a_size(state: Path, record_property: Record) -> None:
    """REST headers of 1 to 200 KiB, 5 times each -> each size has one answer: served, or refused with a 4xx."""
    async with mesh(ECHO, state, "up") as running, session(running) as client:
        told = {size: {await status(client, running, size) for _ in range(TIMES)} for size in SIZES}
    record_property("told", ", ".join(f"{size / 1024:.3g} KiB {'/'.join(map(str, codes))}" for size, codes in told.items()))
    assert all(len(codes) == 1 for codes in told.values())
    assert told[1024] == {200}
    assert {code for codes in told.values() for code in codes} <= {200, 400, 413, 431}


async def status(client: aiohttp.ClientSession, running: Running, size: int) -> int:
    """How a call with a header of that size ends."""
    body = {"model": "echo", "prompt": PHRASE}
    async with client.post(f"{running.http}/v1/completions", json=body, headers={"x-long": "x" * size}) as response:
        await response.read()
        return response.status
