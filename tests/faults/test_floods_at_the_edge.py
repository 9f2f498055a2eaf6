"""Floods of HTTP/2 frames at nginx: it closes what floods it, gives up what does not read, and serves the others as before."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from callers import others, unnoticed
from canaries import PROMPT
from edge import GENERATE, HOST, SLOW_SECONDS, Fronted, drained, fronted
from launch import ECHO
from load import Record
from raw_grpc import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, frame, framed, headers
from thinmesh.inference.v1 import inference_service_pb2 as pb

RST_STREAM, PING, CONTINUATION, NO_ROOM = 3, 6, 9, 4
ATTACKERS = 4
SENT = 40_000
"""What each of them sends."""
STALLED = 100
"""Calls of each of them whose answers have no room to come."""
PIECE = 16 * 1024
"""Bytes that an attacker writes at once: it runs in the process that measures the others."""


def opening(front: Fronted, stream: int) -> bytes:
    """A request's head on a stream of its own."""
    block = headers(
        (":method", "POST"), (":scheme", "https"), (":path", GENERATE), (":authority", HOST),
        ("te", "trailers"), ("content-type", "application/grpc"), *front.metadata,
    )  # fmt: skip
    return frame(HEADERS, END_HEADERS, block, stream)


def rapid_reset(front: Fronted) -> bytes:
    """Calls, each cancelled at once."""
    cancel = struct.pack(">I", 8)
    return b"".join(opening(front, stream) + frame(RST_STREAM, 0, cancel, stream) for stream in range(1, 2 * SENT, 2))


def settings(_: Fronted) -> bytes:
    """Questions that ask for an answer each."""
    return (frame(SETTINGS, 0, b"", 0) + frame(PING, 0, bytes(8), 0)) * (SENT // 2)


def continuation(_: Fronted) -> bytes:
    """A head that never ends."""
    return frame(HEADERS, 0, headers((":method", "GET")), 1) + frame(CONTINUATION, 0, headers(("x-a", "b" * 20)), 1) * SENT


FLOODS: dict[str, Callable[[Fronted], bytes]] = {
    "rapid reset": rapid_reset, "settings and pings": settings, "continuation": continuation,
}  # fmt: skip


async def unharmed(front: Fronted, bad: list[str]) -> None:
    """Nothing went wrong with the others, nothing does afterwards, and both meshes live."""
    _, late = await others(front, 3, 3)
    assert not bad
    assert not late
    assert all(process.returncode is None for process in front.members.values())


@pytest.mark.faults
@pytest.mark.parametrize("flood", FLOODS)
async def test_fault_47_floods_at_the_edge(state: Path, record_property: Record, flood: str) -> None:
    """40 000 resets, settings and pings, or continuations, from each of 4 connections -> closed, p99 of others at most 20 % longer."""
    taken: list[float] = []

    async def attack(front: Fronted, data: bytes) -> None:
        reader, writer = await front.opened(rpc=True)
        reading = asyncio.create_task(drained(reader))
        sent = 0
        try:
            async with asyncio.timeout(2 * SLOW_SECONDS):
                with suppress(ConnectionError, ssl.SSLError):
                    while sent < len(data) and not reading.done():
                        writer.write(data[sent : sent + PIECE])
                        sent += PIECE
                        await writer.drain()
                await reading
        finally:
            reading.cancel()
            writer.close()
        taken.append(min(sent / len(data), 1))

    async with fronted(ECHO, state) as front:
        data = FLOODS[flood](front)
        usual, _ = await others(front, 10, 1)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(ATTACKERS):
                tasks.create_task(attack(front, PREFACE + frame(SETTINGS, 0, b"", 0) + data))
            during, bad = await others(front, 10, 2)
        await unharmed(front, bad)
    record_property("closed", f"{len(taken)} of {ATTACKERS}, after at most {max(taken):.0%} of it")
    record_property("p99 of others", f"{during * 1e3:.0f} ms, before {usual * 1e3:.0f} ms")
    assert unnoticed(during, usual, 1.2)


@pytest.mark.faults
async def test_fault_47_answers_without_room_at_the_edge(state: Path, record_property: Record) -> None:
    """4 connections with a window of none ask for 100 answers each -> given up after 10 s, p99 of others at most 20 % longer."""
    ends: list[float] = []

    async def attack(front: Fronted, data: bytes) -> None:
        began = asyncio.get_running_loop().time()
        reader, writer = await front.opened(rpc=True)
        writer.write(data)
        given_up = 0
        async with asyncio.timeout(2 * SLOW_SECONDS):
            while given_up < STALLED:
                head = await reader.readexactly(9)
                await reader.readexactly(int.from_bytes(head[:3], "big"))
                refused = head[3] == HEADERS and head[4] & END_STREAM  # too many calls of one address
                given_up += bool(head[3] == RST_STREAM or refused)
        writer.close()
        ends.append(asyncio.get_running_loop().time() - began)

    async with fronted(ECHO, state) as front:
        asked = pb.GenerateRequest(model="echo", text=PROMPT).SerializeToString()
        calls = [opening(front, stream) + frame(DATA, END_STREAM, framed(asked), stream) for stream in range(1, 2 * STALLED, 2)]
        data = PREFACE + frame(SETTINGS, 0, struct.pack(">HI", NO_ROOM, 0), 0) + b"".join(calls)
        usual, _ = await others(front, 10, 1)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(ATTACKERS):
                tasks.create_task(attack(front, data))
            during, bad = await others(front, 10, 2)
        await unharmed(front, bad)
    record_property("given up after", f"{min(ends):.1f} to {max(ends):.1f} s")
    record_property("p99 of others", f"{during * 1e3:.0f} ms, before {usual * 1e3:.0f} ms")
    assert unnoticed(during, usual, 1.2)
