"""Calls of methods that a server does not have, whatever their path is: refused, and the server serves on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from raw_grpc import call, status, told
from small import Small

from thinmesh_core.address import parse
from thinmesh_core.channel import dial
from thinmesh_core.server import serve_grpc

SERVICE = b"/thinmesh.inference.v1.InferenceService"
PATHS = [b"/x", b"/\x8e", SERVICE + b"/\xff", SERVICE + b"/generate", b"*"]
INVALID_ARGUMENT, UNIMPLEMENTED = 3, 12


@pytest.fixture
async def at() -> AsyncIterator[str]:
    async with serve_grpc(Small(), parse("127.0.0.1:0"), grace=1) as address:
        yield str(address)


@pytest.mark.parametrize("path", PATHS)
async def test_an_unknown_method_is_unimplemented_and_ends_nothing(at: str, path: bytes) -> None:
    async with dial(at) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        watching = health.Watch(health_pb2.HealthCheckRequest())
        await watching.read()
        answers = await asyncio.gather(*(told(at, call(path, message=b"")) for _ in range(20)))
        if path.startswith(b"/"):
            assert {status(answer) for answer in answers} == {UNIMPLEMENTED}
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert not watching.done()
        watching.cancel()


async def test_stopping_is_as_it_was() -> None:
    async with asyncio.timeout(5), serve_grpc(Small(), parse("127.0.0.1:0"), grace=1) as address:
        await told(str(address), call(b"/x", message=b""))


async def test_a_message_that_is_none_is_an_invalid_request(at: str, caplog: pytest.LogCaptureFixture) -> None:
    for method in ("Generate", "StreamGenerate"):
        answer = await told(at, call(SERVICE + f"/{method}".encode(), message=b"\xff" * 20))
        assert status(answer) == INVALID_ARGUMENT
    assert not caplog.records
