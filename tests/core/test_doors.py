"""A door that is shut loses nobody: each connection is served or refused, and those that were kept go on."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from raw_grpc import call, status, told
from small import Small

from thinmesh_core.address import Address, parse
from thinmesh_core.doors import Doors
from thinmesh_core.http import Message, Receive, Send, serve_http
from thinmesh_core.server import serve_grpc

REQUEST = b"GET / HTTP/1.1\r\nhost: door\r\n\r\n"
UNIMPLEMENTED = 12
CALLERS = 300


async def app(scope: Message, receive: Receive, send: Send) -> None:
    await asyncio.sleep(0.01)
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close"), (b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


async def get(at: Address) -> bool:
    """Whether it is answered; ConnectionRefusedError or FileNotFoundError where nobody listens any more."""
    opening = asyncio.open_connection(at.host, at.port) if at.path is None else asyncio.open_unix_connection(at.path)
    reader, writer = await opening
    writer.write(REQUEST)
    answer = await reader.read()
    writer.close()
    return answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"ok")


async def ask(at: Address) -> bool:
    """The same over gRPC, where the method is none."""
    return status(await told(str(at), call(b"/x", message=b""))) == UNIMPLEMENTED


@asynccontextmanager
async def serving(surface: str, at: str, doors: Doors) -> AsyncIterator[Address]:
    async with AsyncExitStack() as stack:
        if surface == "rest":
            yield await stack.enter_async_context(serve_http(app, parse(at), grace=1, doors=doors))
        else:
            yield await stack.enter_async_context(serve_grpc(Small(), parse(at), grace=1, doors=doors))


@pytest.mark.parametrize("place", ["127.0.0.1:0", "unix:STATE/door.sock"])
@pytest.mark.parametrize("surface", ["rest", "grpc"])
async def test_each_caller_is_served_or_refused(state: Path, surface: str, place: str) -> None:
    doors = Doors()
    async with asyncio.timeout(20), serving(surface, place.replace("STATE", str(state)), doors) as at:
        once = get if surface == "rest" else ask
        served = refused = 0

        async def caller() -> None:
            nonlocal served, refused
            while True:
                try:
                    assert await once(at)
                    served += 1
                except (ConnectionRefusedError, FileNotFoundError):
                    refused += 1
                    return

        async with asyncio.TaskGroup() as tasks:
            for _ in range(30):
                tasks.create_task(caller())
            while served < CALLERS:
                await asyncio.sleep(0)
            await doors.shut(asyncio.sleep)
        assert refused == 30


async def test_a_channel_that_was_kept_is_served_on() -> None:
    doors = Doors()
    async with serving("grpc", "127.0.0.1:0", doors) as at, grpc.aio.insecure_channel(str(at)) as channel:
        method: Any = channel.unary_unary("/x")
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await method(b"", timeout=5)
            assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED
            await doors.shut(asyncio.sleep)
        with pytest.raises(ConnectionRefusedError):
            await ask(at)


def _refuse(*_: object) -> None:
    raise PermissionError(errno.EPERM, "not allowed here")


@pytest.mark.parametrize("missing", [(socket.socket, "setsockopt"), (Path, "iterdir")])
@pytest.mark.parametrize("surface", ["rest", "grpc"])
async def test_a_system_that_refuses_what_a_door_needs_does_not_keep_a_process_from_stopping(
    monkeypatch: pytest.MonkeyPatch, surface: str, missing: tuple[type, str]
) -> None:
    doors = Doors()
    async with asyncio.timeout(10), serving(surface, "127.0.0.1:0", doors) as at:
        once = get if surface == "rest" else ask
        assert await once(at)
        with monkeypatch.context() as system:
            system.setattr(*missing, _refuse)
            await doors.shut(asyncio.sleep)
    with pytest.raises(ConnectionRefusedError):
        await once(at)
