"""HTTP/1.1 to engines, against sockets that say exactly what a test wants: what is read, kept, refused and let go."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from certificates import Authority
from thinmesh.inference.v1 import inference_service_pb2 as pb

from fakes.raw_engine import RawEngine, Serve, raw_engine, request, saying
from thinmesh_adapters.http.connection import MAX_HEAD_BYTES, MAX_HELD_BYTES
from thinmesh_adapters.openai import answer
from thinmesh_adapters.openai import client as clients
from thinmesh_adapters.openai.client import EngineClient
from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError, Reason

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n" + b'{"n": 1}'
CHUNKED = b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\n{"n":\r\n3\r\n 1}\r\n0\r\nlate: r\r\n\r\n'


class Answer(msgspec.Struct):
    """What these engines answer."""

    n: int


def client(url: str, *, seconds: float = 5.0, socket: Path | None = None) -> EngineClient:
    """A client of the engine there."""
    return EngineClient(url, key="k", idle_seconds=seconds, answer_seconds=seconds, socket=socket)


@asynccontextmanager
async def met(serve: Serve, **options: Any) -> AsyncIterator[tuple[EngineClient, RawEngine]]:
    """A client and such an engine."""
    async with raw_engine(serve) as (engine, url), client(url, **options) as one:
        yield one, engine


async def ask(one: EngineClient) -> int:
    """One question's answer."""
    return (await one.post("/x", {"q": 1}, Answer, headers={"x-request-id": "r-1"})).n


async def test_a_request_is_what_http_says() -> None:
    """Target, host, key, request id, length and body, once each."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await request(reader))
        writer.write(OK)

    async with raw_engine(serve) as (_, url), client(f"{url}/v1/") as one:
        assert await ask(one) == 1
    host = url.removeprefix("http://")
    assert seen == [
        f"POST /v1/x HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nauthorization: Bearer k\r\n"
        f'x-request-id: r-1\r\ncontent-length: 7\r\n\r\n{{"q":1}}'.encode()
    ]


@pytest.mark.parametrize("answer", [OK, CHUNKED, b"HTTP/1.1 100 Continue\r\n\r\n" + OK])
async def test_an_answer_means_the_same_however_it_is_cut(answer: bytes) -> None:
    """Whole, and a byte at a time."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(answer)
        await request(reader)
        for byte in answer:
            writer.write(bytes((byte,)))
            await writer.drain()

    async with met(serve) as (one, engine):
        assert [await ask(one), await ask(one)] == [1, 1]
        assert engine.connections == 1


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    """As HTTP/1.0 has it."""
    async with met(saying(b'HTTP/1.0 200 OK\r\n\r\n{"n": 1}', then_close=True)) as (one, engine):
        assert [await ask(one), await ask(one)] == [1, 1]
        assert engine.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n" + b'{"n": 1}',
        b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"n": 1}',
        b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{"n": 1}\r\n',
        b"HTTP/1.1 200 OK\r\ncontent-",
        b"",
        b"rubbish\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * 2 * MAX_HEAD_BYTES,
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    ],
)
async def test_what_is_no_whole_answer_is_a_lost_engine(answer: bytes) -> None:
    """Cut short in body, chunks or head, nothing, no HTTP, a head without an end, another protocol."""
    async with met(saying(answer, then_close=True)) as (one, _):
        with pytest.raises(MeshError) as raised:
            await ask(one)
    assert raised.value.reason is Reason.ENGINE_UNAVAILABLE


async def test_silence_ends_at_its_time_and_closes() -> None:
    """The engine learns that nobody waits any more."""
    async with met(saying(b""), seconds=0.05) as (one, engine):
        with pytest.raises(MeshError, match="silent") as raised:
            await ask(one)
        assert raised.value.reason is Reason.ENGINE_UNAVAILABLE
        await engine.left.wait()


async def test_leaving_closes_the_connection() -> None:
    """A cancelled call ends at the engine."""
    began = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        began.set()
        await reader.read()

    async with met(serve) as (one, engine):
        asking = asyncio.create_task(ask(one))
        await began.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await engine.left.wait()


async def test_a_second_answer_reaches_nobody() -> None:
    """A connection over which more came than was asked for is not used again."""
    async with met(saying(OK + OK.replace(b"1}", b"2}"))) as (one, engine):
        assert [await ask(one), await ask(one)] == [1, 1]
        assert engine.connections == 2


async def test_an_idle_connection_that_the_engine_just_closed_costs_no_call() -> None:
    """The question goes over a new one, once."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK)
        await request(reader)  # the second request comes, and the connection ends instead

    async with met(serve) as (one, engine):
        assert [await ask(one), await ask(one)] == [1, 1]
        assert engine.connections == 2


async def test_an_engine_that_closes_every_connection_is_asked_once() -> None:
    """What failed on a new connection is not sent again."""
    async with met(saying(b"", then_close=True)) as (one, engine):
        with pytest.raises(MeshError):
            await ask(one)
        assert engine.connections == 1


async def test_idle_connections_are_closed_after_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before engines close theirs."""
    monkeypatch.setattr(clients, "KEEPALIVE_SECONDS", 0.02)
    async with met(saying(OK)) as (one, engine):
        assert await ask(one) == 1
        await engine.left.wait()


async def test_a_refusal_keeps_the_connection() -> None:
    """It was read to its end."""
    busy = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 2\r\n\r\n{}"
    async with met(saying(busy, OK)) as (one, engine):
        with pytest.raises(MeshError) as raised:
            await ask(one)
        assert raised.value.reason is Reason.BACKEND_FULL
        assert await ask(one) == 1
        assert engine.connections == 1


def secured(folder: Path) -> tuple[ssl.SSLContext, str]:
    """What an engine speaks TLS by, and the file of the authority that vouches for it."""
    paths = Authority(folder).issue("engine", host="localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(paths.certificate, paths.key)
    return context, str(paths.authority)


def texts(event: pb.GenerateEvent) -> list[str]:
    """The texts of an event's pieces."""
    return [delta.text for delta in event.deltas]


@pytest.mark.parametrize("secure", [False, True])
async def test_an_endless_stream_waits_for_its_reader(secure: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody asks for is held up to a bound, and comes whole afterwards; TLS holds some of it too."""
    tls, authority = secured(tmp_path) if secure else (None, "")
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    lines, blocked = 0, asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal lines
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.transport.set_write_buffer_limits(0)
        while True:
            writer.write(b'data: {"choices": [{"delta": {"content": "%d %s"}}]}\n\n' % (lines, b"x" * 50_000))
            lines += 1
            try:
                async with asyncio.timeout(None if blocked.is_set() else 0.2):
                    await writer.drain()
            except TimeoutError:
                blocked.set()
                await writer.drain()

    async with raw_engine(serve, tls=tls) as (engine, url), client(url) as one:
        async with aclosing(one.stream("/x", {}, answer.Answer(), headers={"x-request-id": "r-1"})) as events:
            got = texts(await anext(events))
            await blocked.wait()
            sent = lines
            while len(got) < sent:
                event = texts(await anext(events))
                assert sum(map(len, event)) < 4 * MAX_HELD_BYTES
                got += event
        assert [int(text.partition(" ")[0]) for text in got] == list(range(len(got)))
        await engine.left.wait()


async def test_over_a_unix_socket_each_connection_serves_one_request(tmp_path: Path) -> None:
    """llama.cpp closes after each stream without saying so."""
    socket = tmp_path / "s"
    async with raw_engine(saying(OK, OK), socket=socket) as (engine, url), client(url, socket=socket) as one:
        assert [await ask(one), await ask(one)] == [1, 1]
        assert engine.connections == 2


async def test_over_tls_the_engine_must_be_who_the_url_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its certificate is checked by the machine's authorities."""
    context, authority = secured(tmp_path)
    async with raw_engine(saying(OK, OK), tls=context) as (_, url):
        async with client(url) as one:
            with pytest.raises(MeshError) as raised:
                await ask(one)
            assert raised.value.reason is Reason.ENGINE_UNAVAILABLE
        monkeypatch.setenv("SSL_CERT_FILE", authority)
        async with client(url) as one:
            assert [await ask(one), await ask(one)] == [1, 1]


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://u:p@x", "http://x/?a=b", "http://x/\x01"])
async def test_what_is_no_engines_url_is_refused_at_the_start(url: str) -> None:
    """A configuration that can't work says so."""
    with pytest.raises(ConfigError):
        client(url)
