"""Long texts on the event loop: everything else has its turn between two slices, and what comes out is the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from itertools import groupby

import pytest
from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.capabilities import Request
from thinmesh_gateway.audit.trail import Trail
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.privacy.config import PrivacyConfig
from thinmesh_gateway.privacy.policy import Privacy
from thinmesh_gateway.privacy.tenants import Privacies
from thinmesh_gateway.privacy.turns import Turns
from thinmesh_gateway.privacy.work import SLICE, at_once
from thinmesh_gateway.roles import Models

SLICES = 20
MASKING = PrivacyConfig(default="mask")
LONG = ("전화 010-1234-5678, <<PHONE_1>> and so on. " * (SLICES * SLICE))[: SLICES * SLICE]
CALL = AuthorizedCall(
    "r", "t", "p", holder=Principal("p", "t", ()), models=Models(["*"]), trail=Trail(lambda _: None, "rest", "o", None, "r")
)


@asynccontextmanager
async def others() -> AsyncIterator[list[str]]:
    """What else the loop has to do; the list has how often it came to that."""
    came: list[str] = []

    async def come() -> None:
        while True:
            came.append("other")
            await asyncio.sleep(0)

    coming = asyncio.create_task(come())
    await asyncio.sleep(0)
    came.clear()
    yield came
    coming.cancel()


def prompt(text: str) -> pb.GenerateRequest:
    return pb.GenerateRequest(model="m", text=text)


def said(*texts: str) -> pb.GenerateRequest:
    content = [chat_pb2.ContentPart(text=text) for text in texts]
    return pb.GenerateRequest(model="m", chat=chat_pb2.ChatInput(messages=[chat_pb2.Message(content=content)]))


@pytest.mark.parametrize("request_", [prompt(LONG), said(*[LONG[:SLICE]] * SLICES)], ids=["one text", "many texts"])
async def test_others_have_their_turn_while_a_long_request_is_masked(request_: pb.GenerateRequest) -> None:
    with Privacies({"t": MASKING}).open(CALL) as opened:
        assert opened is not None
        async with others() as came:
            masked = await opened.request(request_)
            assert len(came) >= SLICES - 1
            came.clear()
            await opened.texts(request_)
            assert len(came) >= SLICES - 1
    assert masked == at_once(Privacy(MASKING).open().request(request_))
    assert "010" not in str(masked)


async def test_others_have_their_turn_while_a_long_answer_is_masked() -> None:
    answer = pb.GenerateResponse(choices=[pb.Choice(text=LONG)])
    with Privacies({"t": MASKING}).open(CALL) as opened:
        assert opened is not None
        async with others() as came:
            masked = await opened.response(answer)
            assert len(came) >= SLICES - 1
    assert masked == at_once(Privacy(MASKING).open().response(answer))


@pytest.mark.parametrize("request_", [prompt(LONG[: SLICE // 3]), said("a", LONG[: SLICE // 3])], ids=["one text", "two texts"])
async def test_a_short_request_waits_for_nobody(request_: Request) -> None:
    with Privacies({"t": MASKING}).open(CALL) as opened:
        assert opened is not None
        async with others() as came:
            await opened.texts(request_)
            await opened.request(request_)
            await opened.response(pb.GenerateResponse(choices=[pb.Choice(text="a")]))
            assert came == []


async def test_of_much_long_work_one_slice_is_done_between_two_turns_of_others() -> None:
    turns = Turns()

    def work(name: str) -> Generator[int, None, str]:
        for _ in range(SLICES):
            came.append(name)
            yield SLICE
        return name

    async with others() as came:
        assert await asyncio.gather(*(turns.done(work(name)) for name in "abc")) == ["a", "b", "c"]
        between = [[*those] for other, those in groupby(came, "other".__eq__) if not other]
    assert between[0] == ["a", "b", "c"]
    assert all(len(those) == 1 for those in between[1:])
    assert [those[0] for those in between[1:7]] == ["a", "b", "c"] * 2


async def test_work_that_fails_lets_others_go_on() -> None:
    turns = Turns()

    def work(slices: int) -> Generator[int, None, int]:
        for _ in range(slices):
            yield SLICE
        raise ValueError(slices)

    for slices in (0, 3):
        with pytest.raises(ValueError, match=str(slices)):
            await turns.done(work(slices))
    async with asyncio.TaskGroup() as tasks:
        left = tasks.create_task(turns.done(work(SLICES)))
        await asyncio.sleep(0)
        left.cancel()
    with pytest.raises(ValueError, match="2"):
        await turns.done(work(2))
