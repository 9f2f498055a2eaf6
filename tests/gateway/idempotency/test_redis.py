"""The shared store: nothing readable in it, no name lost with a process, and an answer within 60 ms when it is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from shared_store import SharedStore, shared_store

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.idempotency import redis
from thinmesh_gateway.idempotency.cipher import Cipher
from thinmesh_gateway.idempotency.redis import DECIDE_SECONDS, RedisStore

NAME, SAME = b"n" * 32, b"s" * 32
ANSWER = b"what the model said " * 10


@pytest.fixture
async def shared(state: Path) -> AsyncIterator[SharedStore]:
    async with shared_store(state) as shared:
        yield shared


@pytest.fixture
async def store(shared: SharedStore, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RedisStore]:
    monkeypatch.setattr(redis, "DECIDE_SECONDS", 5.0)  # a busy machine is no store that is gone
    store = RedisStore(shared.url, Cipher(b"pepper"), 60)
    yield store
    await store.aclose()


async def refused(store: RedisStore) -> float:
    """The longest time until a claim is refused as it should be, of several; in seconds."""
    longest = 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis, "DECIDE_SECONDS", DECIDE_SECONDS)
        for _ in range(5):
            began = time.monotonic()
            with pytest.raises(MeshError) as raised:
                await store.claim(b"another name", SAME)
            assert (raised.value.reason, raised.value.row.retryable) == (Reason.IDEMPOTENCY_UNAVAILABLE, True)
            longest = max(longest, time.monotonic() - began)
    return longest


async def test_nothing_that_is_stored_can_be_read_or_guessed(shared: SharedStore, store: RedisStore) -> None:
    assert await store.claim(NAME, SAME) is None
    await store.keep(NAME, SAME, ANSWER)
    client: Any
    async with Redis.from_url(shared.url) as client:
        (key,) = await client.keys()
        value = await client.get(key)
        seconds = await client.ttl(key)
    assert 0 < seconds <= 60
    for held in (key, value):
        for secret in (NAME, SAME, NAME.hex().encode(), SAME.hex().encode(), ANSWER[:8]):
            assert secret not in held
    assert await store.claim(NAME, SAME) == ANSWER


async def test_an_answer_under_another_pepper_is_another_name(shared: SharedStore, store: RedisStore) -> None:
    await store.claim(NAME, SAME)
    await store.keep(NAME, SAME, ANSWER)
    stranger = RedisStore(shared.url, Cipher(b"another"), 60)
    assert await stranger.claim(NAME, SAME) is None
    await stranger.aclose()


async def test_an_answer_that_was_tampered_with_is_not_given(shared: SharedStore, store: RedisStore) -> None:
    await store.claim(NAME, SAME)
    await store.keep(NAME, SAME, ANSWER)
    client: Any
    async with Redis.from_url(shared.url) as client:
        (key,) = await client.keys()
        value = await client.get(key)
        await client.set(key, value[:-1] + bytes([value[-1] ^ 1]))
    with pytest.raises(MeshError) as raised:
        await store.claim(NAME, SAME)
    assert raised.value.reason is Reason.IDEMPOTENCY_UNAVAILABLE


async def test_a_claim_ends_with_its_process_and_lives_with_it(
    shared: SharedStore, store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "CLAIM_SECONDS", 0.3)
    monkeypatch.setattr(redis, "RENEW_SECONDS", 0.05)
    assert await store.claim(NAME, SAME) is None
    living = asyncio.create_task(store.follow())
    other = RedisStore(shared.url, Cipher(b"pepper"), 60)
    waiting = asyncio.create_task(other.claim(NAME, SAME))
    await asyncio.wait((waiting,), timeout=0.6)
    assert not waiting.done()
    living.cancel()  # as if its process had died
    async with asyncio.timeout(5):
        assert await waiting is None
    await store.keep(NAME, SAME, b"too late")
    await other.keep(NAME, SAME, ANSWER)
    assert await store.claim(NAME, SAME) == ANSWER
    await other.aclose()


async def test_a_large_answer_is_kept_whole(store: RedisStore) -> None:
    large = os.urandom(8 << 20)
    await store.claim(NAME, SAME)
    await store.keep(NAME, SAME, large)
    assert await store.claim(NAME, SAME) == large


async def test_a_frozen_store_is_refused_soon_and_is_used_again_when_it_is_back(shared: SharedStore, store: RedisStore) -> None:
    assert await store.claim(NAME, SAME) is None
    shared.process.send_signal(signal.SIGSTOP)
    print(f"refused after {await refused(store) * 1e3:.0f} ms at most")
    await store.keep(NAME, SAME, ANSWER)  # the answer is there: that it can't be kept is only logged
    shared.process.send_signal(signal.SIGCONT)
    await store.claim(b"one more", SAME)


async def test_a_store_that_is_gone_is_refused_soon(shared: SharedStore, store: RedisStore) -> None:
    assert await store.claim(NAME, SAME) is None
    shared.process.kill()
    await shared.process.wait()
    print(f"refused after {await refused(store) * 1e3:.0f} ms at most")
    await store.free(NAME)
