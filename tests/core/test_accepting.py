"""Connections are accepted, refused once nobody is to come, and waited for where there is no descriptor for them."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from certificates import Authority, Files

from thinmesh_core.accepting import Accepting


class Echo(asyncio.Protocol):
    """Says what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Asked(socket.socket):
    """A listener that counts how often it is asked for a connection."""

    asked = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.asked += 1
        return super().accept()

    async def once(self) -> None:
        async with asyncio.timeout(10):
            while not self.asked:
                await asyncio.sleep(0)


class Poor(Asked):
    """One that has no descriptor for the first."""

    def accept(self) -> tuple[socket.socket, object]:
        if not self.asked:
            self.asked += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


class Bare(Asked):
    """One that has none for the first, nor one to turn it away with."""

    def accept(self) -> tuple[socket.socket, object]:
        if self.asked < 2:
            self.asked += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


class Poorer(Asked):
    """One that has none for anybody."""

    def accept(self) -> tuple[socket.socket, object]:
        self.asked += 1
        raise OSError(errno.EMFILE, "Too many open files")


def listening(kind: type[Asked] = Asked) -> Asked:
    listener = kind()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    return listener


@pytest.fixture
def listener() -> Iterator[Asked]:
    with listening() as one:
        yield one


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Authority(tmp_path).issue(named="edge", host="localhost")


@pytest.fixture
def tls(files: Files) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    return context


async def echoed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    async with asyncio.timeout(10):
        writer.write(b"one")
        return await reader.readexactly(3)


async def test_whoever_comes_is_served_and_after_the_end_whoever_is_there(listener: Asked) -> None:
    at = listener.getsockname()
    door = Accepting(listener, Echo)
    there = [await asyncio.open_connection(*at) for _ in range(3)]
    assert [await echoed(*one) for one in there] == [b"one"] * 3
    door.close()
    door.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*at)
    assert await echoed(*there[0]) == b"one"
    for _, writer in there:
        writer.close()
        await writer.wait_closed()


async def test_whom_there_is_no_descriptor_for_is_turned_away_and_others_are_served(caplog: pytest.LogCaptureFixture) -> None:
    with listening(Poor) as listener:
        door = Accepting(listener, Echo)
        at = listener.getsockname()
        reader, writer = await asyncio.open_connection(*at)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        served = await asyncio.open_connection(*at)
        assert await echoed(*served) == b"one"
        door.close()
        for one in (writer, served[1]):
            one.close()
            await one.wait_closed()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_without_any_descriptor_it_rests_and_then_goes_on() -> None:
    with listening(Bare) as listener:
        door = Accepting(listener, Echo)
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        assert await echoed(reader, writer) == b"one"
        assert listener.asked < 5
        door.close()
        writer.close()
        await writer.wait_closed()


async def test_it_rests_for_longer_while_there_is_not_even_that_one_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop, rests = asyncio.get_running_loop(), list[float]()

    def call_later(seconds: float, callback: Callable[[], object]) -> asyncio.Handle:
        rests.append(seconds)
        return loop.call_soon(callback)

    with listening(Poorer) as listener:
        monkeypatch.setattr(loop, "call_later", call_later, raising=False)
        door = Accepting(listener, Echo)
        _, writer = await asyncio.open_connection(*listener.getsockname())
        while len(rests) < 8:
            await asyncio.sleep(0)
        door.close()
        writer.close()
        with suppress(ConnectionError):  # it was never accepted
            await writer.wait_closed()
    assert rests[:8] == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5]
    assert len(caplog.records) == 1


async def test_it_ends_while_it_rests() -> None:
    with listening(Poorer) as listener:
        door = Accepting(listener, Echo)
        _, writer = await asyncio.open_connection(*listener.getsockname())
        await listener.once()
        door.close()
        writer.close()
        with suppress(ConnectionError):  # it was never accepted
            await writer.wait_closed()


async def test_a_stranger_who_speaks_no_tls_is_let_go_and_others_are_served(
    listener: Asked, files: Files, tls: ssl.SSLContext
) -> None:
    door = Accepting(listener, Echo, lambda: tls)
    at = listener.getsockname()
    stranger, bare = await asyncio.open_connection(*at)
    bare.write(b"GET / HTTP/1.1\r\n\r\n")
    async with asyncio.timeout(10):
        with suppress(ConnectionError):
            while await stranger.read(4096):
                pass
    trusting = ssl.create_default_context(cafile=files.authority)
    reader, writer = await asyncio.open_connection(*at, ssl=trusting, server_hostname="localhost")
    assert await echoed(reader, writer) == b"one"
    door.close()
    for one in (bare, writer):
        one.close()
        with suppress(ConnectionError):
            await one.wait_closed()


async def test_at_the_end_nobody_is_left_amid_a_handshake(listener: Asked, tls: ssl.SSLContext) -> None:
    door = Accepting(listener, Echo, lambda: tls)
    silent, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(b"\x16")  # the first byte of a handshake
    await listener.once()
    door.close()
    async with asyncio.timeout(10):
        await door.wait_closed()
        with suppress(ConnectionError):
            assert await silent.read() == b""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
