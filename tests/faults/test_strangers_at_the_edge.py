"""What strangers do to nginx: it refuses, closes and bounds, and the meshes behind it serve the others as before."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from callers import others, unnoticed
from canaries import PROMPT
from edge import GENERATE, HOST, SLOW_SECONDS, Fronted, drained, fronted
from launch import ECHO
from load import Record

from thinmesh_core.wire import MAX_REQUEST_BYTES

CHAT = "/v1/chat/completions"
LARGE = 10 * 1024 * 1024


async def test_fault_39_large_bodies_at_the_edge(state: Path, record_property: Record) -> None:
    """A body of 10 MB, declared or in pieces, and a message of 4 MiB and a byte, through nginx -> 413 without the upload, and RESOURCE_EXHAUSTED."""
    piece = b" " * 65536
    uploaded = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal uploaded
        for _ in range(LARGE // len(piece)):
            uploaded += len(piece)
            yield piece

    async with fronted(ECHO, state) as front:
        reader, writer = await front.opened()
        writer.write(head(front, f"content-length: {LARGE}"))
        async with asyncio.timeout(5):
            declared = await reader.read(4096)
        writer.close()
        assert declared.startswith(b"HTTP/1.1 413 "), declared
        async with front.session() as client:
            try:
                async with client.post(f"{front.http}/v1/completions", data=pieces()) as response:
                    assert response.status == 413
                    assert (await response.json())["error"]["code"]
            except aiohttp.ClientError:  # closed while this side still wrote
                assert uploaded < LARGE
        async with front.channel() as channel:
            send: Any = channel.unary_unary(GENERATE)
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await send(b"x" * (MAX_REQUEST_BYTES + 1), metadata=front.metadata, timeout=10)
        assert failed.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    record_property("uploaded in pieces", f"{uploaded / 1e6:.1f} MB")


def head(front: Fronted, *lines: str, path: str = "/v1/completions") -> bytes:
    """A POST's head."""
    first = (f"POST {path} HTTP/1.1", f"host: {HOST}", f"authorization: Bearer {front.key}", *lines)
    return "\r\n".join(first).encode() + b"\r\n\r\n"


BODY = f'{{"model": "echo", "prompt": "{PROMPT}"}}'.encode()
HIDDEN = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"


def smuggled(front: Fronted) -> dict[str, bytes]:
    """Requests in which two parsers may see different ends, and a second one in what one of them takes for the body."""
    length = f"content-length: {len(BODY)}"
    chunked = b"0\r\n\r\n" + HIDDEN
    return {
        "both lengths": head(front, f"content-length: {len(chunked)}", "transfer-encoding: chunked") + chunked,
        "two lengths": head(front, "content-length: 0", f"content-length: {len(HIDDEN)}") + HIDDEN,
        "TE with a space": head(front, length, "transfer-encoding : chunked") + BODY,
        "a NUL": head(front, length, "x-a: b\0c") + BODY,
        "two hosts": head(front, "host: other", length) + BODY,
        "a host with a path": head(front, length).replace(HOST.encode(), b"a/health?x#y") + BODY,
    }


async def test_fault_48_smuggling_at_the_edge(state: Path, record_property: Record) -> None:
    """Two lengths, two hosts, a NUL, a space before the colon, a bare line feed -> 400, and never two requests behind nginx."""
    async with fronted(ECHO, state) as front:
        for name, sent in smuggled(front).items():
            said = await everything(front, sent)
            assert said.startswith(b"HTTP/1.1 400 "), (name, said[:200])
            assert said.count(b"HTTP/1.1 ") == 1, name
        bare = head(front, f"content-length: {len(BODY)}", "connection: close").replace(b"\r\n", b"\n") + BODY
        said = await everything(front, bare)  # nginx takes it for what it means, and writes it anew
        assert len(re.findall(rb"HTTP/1\.1 \d", said)) == 1
        access = (state / "edge" / "access.log").read_text().splitlines()
        reached = [line for line in access if '"gateway":"unix:' in line]
        assert len(reached) <= 1
        assert not any("/v1/models" in line for line in access)
    record_property("reached a gateway", f"{len(reached)} of {len(smuggled(front)) + 1}")


async def everything(front: Fronted, sent: bytes) -> bytes:
    """What is answered until the edge closes."""
    reader, writer = await front.opened()
    writer.write(sent)
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.faults
@pytest.mark.parametrize(("part", "connections"), [("head", 500), ("body", 200)])
async def test_fault_46_slow_strangers_at_the_edge(state: Path, record_property: Record, part: str, connections: int) -> None:
    """500 connections of one address send a byte of a head a second, or 200 stop within a body -> closed after 10 s, p99 of others at most 10 % longer."""
    ends: list[float] = []
    waiting, all_open = connections, asyncio.Event()

    async def slow(front: Fronted) -> None:
        nonlocal waiting
        began = asyncio.get_running_loop().time()
        reader, writer = await front.opened()
        waiting -= 1
        if not waiting:
            all_open.set()
        reading = asyncio.create_task(drained(reader))
        writer.write(head(front)[:-2] if part == "head" else head(front, f"content-length: {len(BODY)}") + BODY[:5])
        while part == "head" and not (await asyncio.wait({reading}, timeout=1))[0]:
            writer.write(b"x")
        async with asyncio.timeout(2 * SLOW_SECONDS):
            await reading
        ends.append(asyncio.get_running_loop().time() - began)
        writer.close()

    async with fronted(ECHO, state) as front:
        usual, _ = await others(front, 10, 1)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(connections):
                tasks.create_task(slow(front))
            await all_open.wait()  # their handshakes are work of this process as much as of nginx
            during, bad = await others(front, 6, 2)
        assert not bad
    record_property("closed after", f"{min(ends):.1f} to {max(ends):.1f} s")
    record_property("p99 of others", f"{during * 1e3:.0f} ms, before {usual * 1e3:.0f} ms")
    assert max(ends) < 2 * SLOW_SECONDS
    assert unnoticed(during, usual, 1.1)


@pytest.mark.faults
async def test_fault_46_strangers_who_do_not_read_at_the_edge(state: Path, record_property: Record) -> None:
    """20 callers of one address ask for streams of 20 MB and read nothing -> given up after 10 s, and the others lose nothing."""
    said = [{"role": "user", "content": f"{PROMPT} " + "a " * 100_000}]
    body = json.dumps({"model": "echo", "messages": said, "max_tokens": 200_000, "stream": True}).encode()

    async def deaf(front: Fronted) -> int:
        reader, writer = await front.opened()
        writer.write(head(front, f"content-length: {len(body)}", "connection: close", path=CHAT) + body)
        await writer.drain()
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio has it for every socket that is read
        await asyncio.sleep(3 * SLOW_SECONDS)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        answer = b""
        with suppress(ConnectionError, ssl.SSLError):
            answer = await reader.read()
        writer.close()
        assert b"[DONE]" not in answer
        return len(answer)

    async with fronted(ECHO, state) as front:
        async with asyncio.TaskGroup() as tasks:
            reading = [tasks.create_task(deaf(front)) for _ in range(20)]
            _, bad = await others(front, 8, 2)
            async with asyncio.timeout(2 * SLOW_SECONDS):
                while (state / "edge" / "access.log").read_text().count(CHAT) < len(reading):
                    await asyncio.sleep(0.2)
        assert not bad
    record_property("cut after", f"at most {max(task.result() for task in reading) / 1e6:.1f} MB")
