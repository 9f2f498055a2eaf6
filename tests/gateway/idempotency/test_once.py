"""Of calls that are the same one is made, in memory and over processes that share a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from shared_store import shared_store

from thinmesh_core.call import Call
from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.idempotency import redis
from thinmesh_gateway.idempotency.answers import Answers
from thinmesh_gateway.idempotency.cipher import Cipher
from thinmesh_gateway.idempotency.memory import MemoryStore
from thinmesh_gateway.idempotency.once import Given, Once
from thinmesh_gateway.idempotency.redis import RedisStore

CALL = Call("r", "t", "p")
SAME, OTHER = b"s" * 32, b"o" * 32


class Maker:
    """Makes numbered answers, each when `ready` is set; `errors` are raised first."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.began = asyncio.Event()
        self.errors: list[Exception] = []
        self.made = 0

    async def __call__(self) -> bytes:
        self.made += 1
        self.began.set()
        await self.ready.wait()
        if self.errors:
            raise self.errors.pop(0)
        return b"answer %d" % self.made


class PutAway(MemoryStore):
    """Puts answers away when it is `ready`."""

    def __init__(self, answers: Answers, clock: Callable[[], float]) -> None:
        super().__init__(answers, clock)
        self.putting = asyncio.Event()
        self.ready = asyncio.Event()

    async def keep(self, name: bytes, fingerprint: bytes, answer: bytes) -> None:
        self.putting.set()
        await self.ready.wait()
        await super().keep(name, fingerprint, answer)


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture(params=["memory", "one process", "two processes"])
async def pair(
    request: pytest.FixtureRequest, state: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Once, Once]]:
    """Where two calls that are the same arrive: at one gateway, or at two that share a store."""
    if request.param == "memory":
        once = Once(MemoryStore(Answers(60, 1 << 20), lambda: 0.0), 60)
        yield once, once
        return
    monkeypatch.setattr(redis, "DECIDE_SECONDS", 5.0)  # a busy machine is no store that is gone
    async with shared_store(state) as shared:
        stores = [RedisStore(shared.url, Cipher(b"pepper"), 60) for _ in range(2)]
        first, second = (Once(store, 60) for store in stores)
        yield first, (first if request.param == "one process" else second)
        for store in stores:
            await store.aclose()


Ask = Callable[[Once], Awaitable[Given]]


def asking(maker: Maker, fingerprint: bytes = SAME, call: Call = CALL, key: str = "k") -> Ask:
    return lambda once: once.once(call, key, fingerprint, maker)


async def start(once: Once, ask: Ask) -> asyncio.Task[Given]:
    task = asyncio.ensure_future(ask(once))
    await asyncio.sleep(0.02)  # on its way to the store and back
    return task


async def test_the_second_gets_the_firsts_answer(pair: tuple[Once, Once], maker: Maker) -> None:
    maker.ready.set()
    assert await asking(maker)(pair[0]) == (b"answer 1", False)
    assert await asking(maker)(pair[1]) == (b"answer 1", True)
    assert maker.made == 1


async def test_who_comes_while_the_first_runs_waits_for_it(pair: tuple[Once, Once], maker: Maker) -> None:
    tasks = [await start(pair[0], asking(maker))]
    await maker.began.wait()
    tasks += [await start(pair[number % 2], asking(maker)) for number in range(6)]
    maker.ready.set()
    assert {(await task).answer for task in tasks} == {b"answer 1"}
    assert maker.made == 1


async def test_another_request_under_the_key_is_refused_while_the_first_runs_and_after(
    pair: tuple[Once, Once], maker: Maker
) -> None:
    first = await start(pair[0], asking(maker))
    await maker.began.wait()
    for _ in range(2):
        with pytest.raises(MeshError) as raised:
            await asking(maker, OTHER)(pair[1])
        assert raised.value.reason is Reason.IDEMPOTENCY_CONFLICT
        maker.ready.set()
        await first
    assert maker.made == 1


async def test_tenants_never_see_each_others_keys(pair: tuple[Once, Once], maker: Maker) -> None:
    maker.ready.set()
    await asking(maker)(pair[0])
    assert await asking(maker, OTHER, Call("r", "u", "p"))(pair[1]) == (b"answer 2", False)
    assert await asking(maker, SAME, Call("r", "t", "another of its keys"))(pair[1]) == (b"answer 1", True)


async def test_one_who_waits_becomes_the_first_when_the_first_leaves(pair: tuple[Once, Once], maker: Maker) -> None:
    first = await start(pair[0], asking(maker))
    await maker.began.wait()
    waiting = [await start(once, asking(maker)) for once in pair]
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    maker.ready.set()
    assert {(await task).answer for task in waiting} == {b"answer 2"}
    assert maker.made == 2


async def test_whoever_leaves_while_the_answer_is_put_away_finds_it(maker: Maker) -> None:
    store = PutAway(Answers(60, 1 << 20), lambda: 0.0)
    once = Once(store, 60)
    maker.ready.set()
    first = asyncio.ensure_future(asking(maker)(once))
    await store.putting.wait()
    first.cancel()
    await asyncio.sleep(0)
    store.ready.set()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await asking(maker)(once) == (b"answer 1", True)


async def test_one_who_waits_may_leave(pair: tuple[Once, Once], maker: Maker) -> None:
    first = await start(pair[0], asking(maker))
    await maker.began.wait()
    waiting = await start(pair[1], asking(maker))
    waiting.cancel()
    await asyncio.wait((waiting,))
    assert waiting.cancelled()
    maker.ready.set()
    assert await first == (b"answer 1", False)


@pytest.mark.parametrize("error", [MeshError(Reason.OVERLOADED, "full"), MeshError(Reason.CANCELLED, "left"), ValueError()])
async def test_a_failure_is_not_kept(pair: tuple[Once, Once], maker: Maker, error: Exception) -> None:
    maker.ready.set()
    maker.errors = [error]
    with pytest.raises(type(error)):
        await asking(maker)(pair[0])
    assert await asking(maker)(pair[1]) == (b"answer 2", False)


async def test_who_waits_in_the_same_process_gets_the_failure_too(maker: Maker) -> None:
    once = Once(MemoryStore(Answers(60, 1 << 20), lambda: 0.0), 60)
    tasks = [await start(once, asking(maker)) for _ in range(3)]
    maker.errors = [MeshError(Reason.OVERLOADED, "full")]
    maker.ready.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(one, MeshError) and one.reason for one in ended] == [Reason.OVERLOADED] * 3
    assert maker.made == 1


async def test_a_deadline_is_one_callers_own(maker: Maker) -> None:
    once = Once(MemoryStore(Answers(60, 1 << 20), lambda: 0.0), 60)
    tasks = [await start(once, asking(maker)) for _ in range(3)]
    maker.errors = [MeshError(Reason.DEADLINE_EXCEEDED, "late")]
    maker.ready.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(ended[0], MeshError)
    assert ended[1:] == [(b"answer 2", False), (b"answer 2", True)]


async def test_waiting_ends_with_the_time_that_a_call_may_take(pair: tuple[Once, Once], maker: Maker) -> None:
    first = await start(pair[0], asking(maker))
    await maker.began.wait()
    pair[1].call_seconds = 0.05
    with pytest.raises(MeshError) as raised:
        await asking(maker)(pair[1])
    assert raised.value.reason is Reason.DEADLINE_EXCEEDED
    maker.ready.set()
    assert await first == (b"answer 1", False)


async def test_an_answer_is_forgotten_after_its_window(maker: Maker) -> None:
    now = [0.0]
    once = Once(MemoryStore(Answers(60, 1 << 20), lambda: now[0]), 60)
    maker.ready.set()
    for now[0], made in ((0.0, 1), (59.9, 1), (60.0, 2)):
        assert (await asking(maker)(once)).answer == b"answer %d" % made


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256])
async def test_a_malformed_key_is_refused(maker: Maker, key: str) -> None:
    once = Once(MemoryStore(Answers(60, 1 << 20), lambda: 0.0), 60)
    with pytest.raises(MeshError) as raised:
        await asking(maker, key=key)(once)
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, "idempotency-key")
