"""Bodies, frames and bytes that are meant to hurt: refused by the process that they reach, which lives on as it was."""

from __future__ import annotations

import asyncio
import io
import resource
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import aiohttp
import grpc
import pytest
from canaries import PROMPT
from fuzz.documents import messages
from grpc.aio import AioRpcError
from launch import ECHO, Running, memory_bytes, mesh
from load import Record, session
from raw_grpc import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, call, frame, headers, status, told
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import sampling_pb2

from thinmesh_core.channel import dial
from thinmesh_core.wire import MAX_REQUEST_BYTES

GENERATE = "/thinmesh.inference.v1.InferenceService/Generate"
MESSAGES = f'"messages": [{{"role": "user", "content": "{PROMPT}"}}]'
LARGE = 8 * 1024 * 1024
CALLERS = 200
LIMIT = 1024 * 1024 * 1024
MIB = 1 << 20


async def alive(client: aiohttp.ClientSession, running: Running) -> bool:
    """Whether the mesh serves."""
    async with client.post(f"{running.http}/v1/completions", json={"model": "echo", "prompt": PROMPT}) as response:
        return response.status == 200


@pytest.mark.faults
@pytest.mark.parametrize(("how", "size"), [("declared", LARGE), ("in pieces", LARGE), ("in pieces", MAX_REQUEST_BYTES - 100)])
async def test_fault_29_large_bodies_together(state: Path, record_property: Record, how: str, size: int) -> None:
    """200 bodies of 8 MB, or of just 4 MiB, at once to a process that may have 1 GiB more of addresses -> 413, 503 or 400, no death, and memory stays."""
    piece = b" " * 65536

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // len(piece)):
            yield piece

    async with mesh(ECHO, state, "up") as running, session(running) as client:
        process = running.processes["up"]
        before = memory_bytes(process.pid)
        taken = int(Path(f"/proc/{process.pid}/statm").read_text().split()[0]) * resource.getpagesize()
        resource.prlimit(process.pid, resource.RLIMIT_AS, (taken + LIMIT, taken + LIMIT))
        most = before

        async def one() -> int | str:
            declared = {"content-length": str(size)} if how == "declared" else {}
            try:
                async with client.post(f"{running.http}/v1/chat/completions", data=pieces(), headers=declared) as response:
                    await response.read()
                    return response.status
            except aiohttp.ClientError:
                return "closed"  # it was answered and closed while this side still wrote

        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(one()) for _ in range(CALLERS)]
            while not all(one.done() for one in calls):
                most = max(most, memory_bytes(process.pid))
                await asyncio.sleep(0.02)
        told_as = Counter(one.result() for one in calls)
        record_property("told", ", ".join(f"{count} times {what}" for what, count in told_as.items()))
        record_property("memory MiB", f"{before // MIB} before, {most // MIB} at most")
        assert told_as.keys() <= {400, 413, 503, "closed"}
        assert most - before < LIMIT // 2
        assert process.returncode is None
        assert await alive(client, running)


@pytest.mark.faults
@pytest.mark.parametrize(
    "request_",
    [
        pb.GenerateRequest(model="echo", text="x" * (MAX_REQUEST_BYTES - 100)),
        pb.GenerateRequest(model="echo", text="x", stopping=sampling_pb2.Stopping(stop=[""] * (MAX_REQUEST_BYTES // 2 - 100))),
    ],
    ids=["text", "two million stops"],
)
async def test_fault_29_large_messages_together(state: Path, record_property: Record, request_: pb.GenerateRequest) -> None:
    """200 messages of 4 MiB at once by gRPC to a process that may have 1 GiB more of addresses -> served in turn or refused, no death, and memory stays."""
    message = request_.SerializeToString()
    async with mesh(ECHO, state, "up") as running, session(running) as client, AsyncExitStack() as stack:
        process = running.processes["up"]
        before = most = memory_bytes(process.pid)
        taken = int(Path(f"/proc/{process.pid}/statm").read_text().split()[0]) * resource.getpagesize()
        resource.prlimit(process.pid, resource.RLIMIT_AS, (taken + LIMIT, taken + LIMIT))
        channels = [await stack.enter_async_context(dial(running.grpc)) for _ in range(20)]
        answers = Counter[str]()

        async def one(channel: grpc.aio.Channel) -> None:
            send: Any = channel.unary_unary(GENERATE)
            try:
                await send(message, metadata=running.metadata, timeout=60)
                answers["OK"] += 1
            except AioRpcError as error:
                answers[error.code().name] += 1

        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(one(channels[number % len(channels)])) for number in range(CALLERS)]
            while not all(call.done() for call in calls):
                most = max(most, memory_bytes(process.pid))
                await asyncio.sleep(0.02)
        record_property("told", ", ".join(f"{count} times {what}" for what, count in sorted(answers.items())))
        record_property("memory MiB", f"{before // MIB} before, {most // MIB} at most")
        assert answers.keys() <= {"RESOURCE_EXHAUSTED", "INVALID_ARGUMENT", "OK"}
        assert most - before < LIMIT // 2
        assert process.returncode is None
        assert await alive(client, running)


def hostile() -> dict[str, bytes]:
    """Bodies that parsers and engines choke on."""

    def chat(fields: str) -> bytes:
        return f'{{"model": "echo", {MESSAGES}, {fields}}}'.encode()

    def schema(value: str) -> bytes:
        return chat(f'"response_format": {{"type": "json_schema", "json_schema": {{"name": "s", "schema": {value}}}}}')

    deep = "[" * 100_000 + "]" * 100_000
    image = '{"model": "echo", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "%s"}}]}]}'
    keys = ", ".join(f'"{number}": "x"' for number in range(100_000))
    urls = (
        "http://169.254.169.254/",
        "http://[::1]/",
        "http://0x7f000001/",
        "https://a.example\\\\@127.0.0.1/",
        "file:///etc/passwd",
    )
    return {
        "depth 1 100": chat('"engine_options": {"a": ' + "[" * 1100 + "]" * 1100 + "}"),
        "depth 100 000": chat(f'"engine_options": {{"a": {deep}}}'),
        "a number of a million digits": chat('"seed": ' + "9" * 1_000_000),
        "NaN": chat('"temperature": NaN'),
        "half a character": chat('"user": "\\ud800"'),
        "no UTF-8": chat('"user": "x"').replace(b'"x"', b'"\xff"'),
        "a key twice": chat('"model": "other"'),
        "100 000 keys": chat(f'"metadata": {{{keys}}}'),
        "n": chat('"n": 1000000'),
        "max_tokens": chat('"max_tokens": 1000000000'),
        "logprobs": chat('"logprobs": true, "top_logprobs": 1000000'),
        "10 000 stops": chat('"stop": [' + ", ".join(['"x"'] * 10_000) + "]"),
        "(a+)+$": chat('"structured_outputs": {"regex": "(a+)+$"}'),
        "foo**": schema('{"pattern": "foo**"}'),
        "a $ref in a circle": schema('{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}'),
        "a schema of depth 1 000": schema('{"not": ' * 1000 + "{}" + "}" * 1000),
        "a schema of 1 MB": schema('{"a": "' + "x" * 1_000_000 + '"}'),
    } | {url: (image % url).encode() for url in urls}


async def test_fault_42_hostile_bodies_are_refused_in_time(state: Path, record_property: Record) -> None:
    """Faults 40 to 43: bombs of JSON, numbers, patterns, schemas and addresses, 5 times each -> 400, half of them within 50 ms."""
    slowest = 0.0
    async with mesh(ECHO, state, "up") as running, session(running) as client:
        for name, body in hostile().items():
            times = []
            for _ in range(5):
                began = time.perf_counter()
                async with client.post(f"{running.http}/v1/chat/completions", data=io.BytesIO(body)) as response:
                    told_as = await response.json()
                times.append(time.perf_counter() - began)
                assert response.status == 400, (name, told_as)
                assert told_as["error"]["param"], name
            slowest = max(slowest, median(times))
        assert await alive(client, running)
    record_property("slowest median", f"{slowest * 1e3:.0f} ms")
    assert slowest < 0.05


def damaged(random: Random, whole: bytes) -> bytes:
    """The bytes, some of them others."""
    data = bytearray(whole)
    for _ in range(random.randint(1, 8)):
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data)


def wire(random: Random, metadata: tuple[tuple[str, str], ...]) -> bytes:
    """What no client sends: damaged messages, endless nesting, frames in disorder, and noise."""
    whole = [message.SerializeToString() for message in messages()]
    block = headers(
        (":method", "POST"),
        (":scheme", "http"),
        (":path", GENERATE),
        (":authority", "a"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        *metadata,
    )
    opened = PREFACE + frame(SETTINGS, 0, b"", 0) + frame(HEADERS, END_HEADERS, block)
    noise = [
        frame(random.randrange(12), random.randrange(256), random.randbytes(random.randrange(40)), random.randrange(4))
        for _ in range(20)
    ]
    whole_call = call(GENERATE, *metadata, message=whole[0])
    return random.choice(
        (
            call(GENERATE, *metadata, message=damaged(random, random.choice(whole))),
            call(GENERATE, *metadata, message=random.randbytes(random.randrange(200))),
            call(GENERATE, *metadata, message=random.choice((b"\x0b", b"\x12\x02", b"\x0a")) * 10_000),
            call(f"/{random.random()}", *metadata, message=b""),
            whole_call.replace(b"Service/", b"Service\x8e"),
            whole_call.replace(b"Bearer ", b"Bearer\xff"),
            damaged(random, whole_call),
            opened + frame(DATA, END_STREAM, b"\0" + struct.pack(">I", 1 << 31) + b"x"),
            opened + b"".join(noise),
            PREFACE + random.randbytes(500),
        )
    )


async def test_fault_44_frames_of_every_kind(state: Path, record_property: Record) -> None:
    """600 calls of damaged, nested and random bytes over gRPC, seeded -> each ends, with a status or a closed connection, and the process lives."""
    random = Random(44)
    ends: Counter[str] = Counter()
    async with mesh(ECHO, state, "up") as running, session(running) as client:
        for _ in range(60):
            sent = [wire(random, running.metadata) for _ in range(10)]
            for said in await asyncio.gather(*(_said(running.grpc, one) for one in sent)):
                code = status(said)
                ends["closed" if code is None else str(code)] += 1
        process = running.processes["up"]
        assert process.returncode is None
        assert await alive(client, running)
    record_property("ended", ", ".join(f"{count} times {code}" for code, count in ends.most_common()))


async def _said(address: str, sent: bytes) -> bytes:
    try:
        return await told(address, sent, seconds=1)
    except TimeoutError:
        return b""  # an unfinished request waits for its rest, and its client has gone
