"""Messages come to a server in turn: what is on its way and what is held is bounded, and nobody who is slow stops others."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import MappingProxyType
from typing import Any, Self

import pytest
from canaries import PROMPT
from channels import Servicer
from grpc.aio import AioRpcError
from raw_grpc import DATA, END_STREAM, call, frame, status
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from thinmesh_core import receiving
from thinmesh_core.address import parse
from thinmesh_core.app import App
from thinmesh_core.channel import dial
from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_core.grpc_server import REFUSE
from thinmesh_core.intake import Intake
from thinmesh_core.readable import END
from thinmesh_core.receiving import AT_ONCE, LARGE, MAX_FRESH_BYTES, SLOW, Turns
from thinmesh_core.server import serve_grpc

RESOURCE_EXHAUSTED = 8
GENERATE = "/thinmesh.inference.v1.InferenceService/Generate"


class Beside:
    """Lies in a handler's frame beside the request, which can't be looked for itself."""


class Answering(Servicer):
    """Answers."""

    def __init__(self) -> None:
        self.seen: list[weakref.ref[Beside]] = []

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
        if not request.text:
            beside = Beside()
            self.seen.append(weakref.ref(beside))
            raise invalid("text", "There is none.")
        return pb.GenerateResponse(choices=[pb.Choice(text=request.text)])


class Served(App):
    """Serves that."""

    services = MappingProxyType({"thinmesh.inference.v1.InferenceService": frozenset[str]()})

    def __init__(self) -> None:
        self.servicer = Answering()

    def register(self, server: Any) -> None:
        inference_grpc.add_InferenceServiceServicer_to_server(self.servicer, server)

    def problems(self) -> list[str]:
        return []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass


class Calls:
    """Calls that wait until they are told that their message came, and how it ends."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.refused = 0
        self.ends: list[BaseException] = []
        self.receipts: list[receiving.Receipt] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, count: int, *, streamed: bool = False) -> None:
        self.tasks += [asyncio.create_task(self._run(streamed=streamed)) for _ in range(count)]
        for _ in range(5):
            await asyncio.sleep(0)

    async def _run(self, *, streamed: bool) -> None:
        task = asyncio.current_task()
        assert task is not None

        async def refuse(*_: object) -> None:
            self.refused += 1
            task.cancel()

        REFUSE.set(refuse)
        END.set(self.ends.append)
        self.receipts.append(await self.turns.turn(task, streamed=streamed))
        await asyncio.Event().wait()


@pytest.fixture
async def calls() -> AsyncIterator[Calls]:
    calls = Calls(Turns())
    yield calls
    for task in calls.tasks:
        task.cancel()
    await asyncio.wait(calls.tasks)
    await asyncio.sleep(0)
    assert (calls.turns.waiting._value, calls.turns.slow) == (AT_ONCE, {})
    assert (calls.turns.intake._left, calls.turns.fresh._left) == (Intake()._left, MAX_FRESH_BYTES)


async def test_a_few_are_read_at_once_and_a_message_that_came_makes_way(calls: Calls) -> None:
    await calls.begin(AT_ONCE + 3)
    assert len(calls.receipts) == AT_ONCE
    calls.receipts[0].came(10)
    calls.tasks[1].cancel()
    await calls.begin(1)
    assert len(calls.receipts) == AT_ONCE + 2


async def test_who_is_slow_lets_others_go_on_until_too_many_are(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "TURN_SECONDS", 0)
    while len(calls.turns.slow) < SLOW:
        await calls.begin(1)
    assert calls.refused == 0
    oldest, second = list(calls.turns.slow)[:2]
    second.came(10)
    assert second not in calls.turns.slow
    while calls.refused < 3:
        await calls.begin(1)
        assert len(calls.turns.slow) <= SLOW
    assert oldest not in calls.turns.slow
    assert [getattr(end, "reason", None) for end in calls.ends] == [Reason.OVERLOADED] * 3


async def test_a_large_message_keeps_its_turn_for_as_long_again_and_few_are_new_at_once(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    await calls.begin(AT_ONCE + 1)
    monkeypatch.setattr(receiving, "TURN_SECONDS", 0)
    calls.receipts[0].came(LARGE + 1)
    assert len(calls.receipts) == AT_ONCE
    while len(calls.receipts) == AT_ONCE:
        await calls.begin(0)
    await calls.begin(1, streamed=True)
    calls.receipts[1].came(MAX_FRESH_BYTES - 10)
    with pytest.raises(MeshError) as raised:
        calls.receipts[-1].came(LARGE + 1)
    assert raised.value.reason is Reason.OVERLOADED


async def test_who_streams_has_no_turn_and_is_counted(calls: Calls) -> None:
    await calls.begin(5 * AT_ONCE, streamed=True)
    assert len(calls.receipts) == 5 * AT_ONCE
    left = calls.turns.intake._left
    for _ in range(3):
        calls.receipts[0].came(1000)
    assert calls.turns.intake._left == left - 1000


async def test_what_there_is_no_room_for_is_refused_until_a_call_ends(calls: Calls) -> None:
    calls.turns.intake = Intake(100)
    await calls.begin(2)
    first, second = calls.receipts
    first.came(90)
    with pytest.raises(MeshError) as raised:
        second.came(20)
    assert raised.value.reason is Reason.OVERLOADED
    calls.tasks[0].cancel()
    await calls.begin(1)
    second.came(100)
    calls.turns.intake = Intake()  # what is given back at the end is not its
    second._held = 0


async def test_a_message_that_is_refused_is_let_go_without_a_look_for_garbage() -> None:
    app = Served()
    async with serve_grpc(app, parse("127.0.0.1:0"), grace=0) as at, dial(str(at)) as channel:
        stub: Any = inference_grpc.InferenceServiceStub(channel)
        gc.disable()
        try:
            for _ in range(3):
                with pytest.raises(AioRpcError):
                    await stub.Generate(pb.GenerateRequest(), timeout=10)
            await asyncio.sleep(0)
            assert [ref() for ref in app.servicer.seen] == [None] * 3
        finally:
            gc.enable()


async def test_silent_callers_do_not_keep_a_server_from_answering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "TURN_SECONDS", 0.001)
    silent = call(GENERATE, message=b"").replace(frame(DATA, END_STREAM, bytes(5)), b"")
    async with AsyncExitStack() as stack:
        at = str(await stack.enter_async_context(serve_grpc(Served(), parse("127.0.0.1:0"), grace=0)))
        host, _, port = at.rpartition(":")
        readers = []
        for _ in range(AT_ONCE + SLOW + 20):
            reader, writer = await asyncio.open_connection(host, int(port))
            stack.callback(writer.close)
            writer.write(silent)
            readers.append(reader)
        channel = await stack.enter_async_context(dial(at))
        stub: Any = inference_grpc.InferenceServiceStub(channel)
        answers = await asyncio.gather(*(stub.Generate(pb.GenerateRequest(text=PROMPT), timeout=10) for _ in range(100)))
        assert {answer.choices[0].text for answer in answers} == {PROMPT}
        async with asyncio.timeout(10):
            assert status(await _end(readers[0])) == RESOURCE_EXHAUSTED


async def _end(reader: asyncio.StreamReader) -> bytes:
    """What the server says until it ends the call."""
    said = b""
    while b"grpc-status" not in said:
        said += await reader.read(65536)
    return said
