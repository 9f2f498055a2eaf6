"""Quotas that several routers share, against a real Valkey: never more than the limit, and little of it lost."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis
from shared_store import SharedStore, shared_store

from thinmesh_core.config import ConfigError
from thinmesh_core.cost import Cost
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.tenants import QuotaConfig, TenantConfig
from thinmesh_router.config import Price, QuotaStoreConfig, RouterConfig, WhenUnreachable
from thinmesh_router.quota import counts, shared
from thinmesh_router.quota.quotas import Quotas
from thinmesh_router.quota.reservation import Reservation
from thinmesh_router.quota.shared import SharedCounts

PRICES = {"m": Price(input_per_million=1_000_000, output_per_million=1_000_000)}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no store that is gone; tests/faults measures how soon one is."""
    monkeypatch.setattr(shared, "DECIDE_SECONDS", 0.3)


@pytest.fixture
async def store(state: Path) -> AsyncIterator[SharedStore]:
    async with shared_store(state) as running:
        yield running


@asynccontextmanager
async def routers(store: SharedStore, count: int, quota: QuotaConfig, **settings: Any) -> AsyncIterator[list[Quotas]]:
    """So many routers' quotas of the tenant `t`, on one store."""
    config = QuotaStoreConfig(store=store.url, replicas=count, **settings)
    async with AsyncExitStack() as stack:
        several = [await stack.enter_async_context(SharedCounts(config)) for _ in range(count)]
        yield [Quotas({"t": TenantConfig(quota=quota)}, PRICES, one) for one in several]


async def reserve(quotas: Quotas, tokens: int) -> Reservation | None:
    """A call of so many tokens, or nothing where the quota is used up."""
    try:
        return await quotas.reserve("t", "k", "m", Cost(tokens, 0), streaming=False)
    except MeshError as error:
        assert error.reason in {Reason.QUOTA_EXCEEDED, Reason.SPEND_EXCEEDED}
        return None


async def tried(quotas: Quotas, tokens: int) -> Reservation | None:
    """Like `reserve`, of a store that may not answer yet."""
    try:
        return await quotas.reserve("t", "k", "m", Cost(tokens, 0), streaming=False)
    except MeshError:
        return None


def silence(quotas: Quotas) -> None:
    """As if its process was killed: the store hears nothing more of it."""
    counted = quotas._counts
    assert isinstance(counted, SharedCounts)
    counted._rounds.cancel()
    counted._active.clear()


async def has_heard_of(used: int, store: SharedStore) -> None:
    """Waits until a router has told the store that it has used so much of a day."""
    async with asyncio.timeout(10), Redis.from_url(store.url) as redis:
        while not any([b"%d" % used in await redis.hvals(key) for key in await redis.keys("*DAY*")]):
            await asyncio.sleep(0.05)


def rounds() -> float:
    return REGISTRY.get_sample_value("thinmesh_quota_store_rounds_total") or 0.0


@pytest.mark.parametrize(
    "quota",
    [QuotaConfig(tokens_per_minute=5000), QuotaConfig(tokens_per_day=5000), QuotaConfig(spend_per_month=5000)],
    ids=["minute", "day", "month"],
)
async def test_four_routers_at_once_grant_the_limit_and_not_more(store: SharedStore, quota: QuotaConfig) -> None:
    granted = 0

    async def caller(quotas: Quotas, number: int) -> None:
        nonlocal granted
        for size in range(1, 60):
            tokens = (size * 7 + number) % 23 + 1
            held = await reserve(quotas, tokens)
            if held is not None:
                granted += tokens
                held.settle(tokens, 0)

    async with routers(store, 4, quota) as all_of_them:
        async with asyncio.TaskGroup() as tasks:
            for number in range(80):
                tasks.create_task(caller(all_of_them[number % 4], number))
        assert granted <= 5000
        async with asyncio.timeout(15):
            while granted < 4950:  # what the others hold unused comes back
                for quotas in all_of_them:
                    held = await reserve(quotas, 1)
                    granted += held is not None
                await asyncio.sleep(0.05)
        assert granted <= 5000


async def test_calls_at_once_are_counted_over_routers_and_those_of_a_dead_one_are_free_again(store: SharedStore) -> None:
    async with routers(store, 3, QuotaConfig(concurrent_calls=5), lease_seconds=2.0) as (one, other, dying):
        assert all([await reserve(dying, 1) for _ in range(3)])
        more = [await reserve(one, 1), await reserve(other, 1)]
        assert all(more)
        assert await reserve(one, 1) is None
        silence(dying)
        async with asyncio.timeout(5):
            while (again := await reserve(one, 1)) is None:
                await asyncio.sleep(0.05)
        for reservation in (again, *more):
            assert reservation is not None
            reservation.settle(1, 0)


async def test_nobody_is_refused_while_there_is_enough_for_all(store: SharedStore) -> None:
    quota = QuotaConfig(requests_per_minute=10**5, tokens_per_minute=10**7, tokens_per_day=10**8, concurrent_calls=400)
    refused = 0

    async def caller(quotas: Quotas, random: Random) -> None:
        nonlocal refused
        for _ in range(15):
            await asyncio.sleep(random.random() / 100)
            held = await reserve(quotas, random.randrange(1, 300))
            refused += held is None
            await asyncio.sleep(random.random() / 100)
            if held is not None:
                held.settle(1, 0)

    async with routers(store, 2, quota, lease_seconds=60) as both, asyncio.TaskGroup() as tasks:
        for number in range(120):
            tasks.create_task(caller(both[number % 2], Random(number)))
    assert refused == 0


async def test_a_call_that_does_not_fit_keeps_nothing_from_those_that_do(store: SharedStore) -> None:
    async with routers(store, 2, QuotaConfig(tokens_per_minute=1000)) as (one, other):
        assert await reserve(one, 300)
        for _ in range(10):
            assert await reserve(one, 900) is None
            assert await reserve(other, 20)


async def test_a_stream_is_given_a_small_slice_where_a_large_one_does_not_fit(store: SharedStore) -> None:
    async with routers(store, 1, QuotaConfig(tokens_per_minute=211)) as (quotas,):
        held = await quotas.reserve("t", "k", "m", Cost(10, 1000), streaming=True)
        made = 0
        while held.spend(made + 1) or await held.extend():
            made += 1
        assert made == 201


async def test_the_last_of_a_day_that_a_router_holds_serves_a_larger_call_with_what_is_free(store: SharedStore) -> None:
    async with routers(store, 1, QuotaConfig(tokens_per_day=1000)) as (quotas,):
        for _ in range(100):
            assert await reserve(quotas, 10)


async def test_what_is_settled_comes_back_to_all(store: SharedStore) -> None:
    async with routers(store, 2, QuotaConfig(tokens_per_minute=100)) as (one, other):
        held = await reserve(one, 100)
        assert held is not None
        assert await reserve(other, 50) is None
        held.settle(10, 0)
        held.settle(10, 0)
        async with asyncio.timeout(5):
            while await reserve(other, 90) is None:
                await asyncio.sleep(0.05)


async def test_what_is_listed_is_what_the_store_has_now(store: SharedStore) -> None:
    async with routers(store, 2, QuotaConfig(tokens_per_day=50)) as (one, other):
        held = [await reserve(quotas, 10) for quotas in (one, other, one)]
        for reservation in held:
            assert reservation is not None
            reservation.settle(10, 0)
        async with asyncio.timeout(5):  # what is held unused comes back after a second
            for quotas in (one, other):
                while [listed.used for listed in quotas.listed()] != [30]:
                    await asyncio.sleep(0.05)
                    await quotas.look()


async def test_at_rest_the_store_is_asked_seldom(store: SharedStore) -> None:
    quota = QuotaConfig(tokens_per_minute=10**7, requests_per_minute=10**6, concurrent_calls=100, tokens_per_day=10**9)
    async with routers(store, 1, quota) as (quotas,):
        before = rounds()
        for number in range(2000):
            held = await reserve(quotas, 20)
            assert held is not None
            held.settle(15, 3)
            if number % 10 == 0:
                await asyncio.sleep(0)
        assert rounds() - before < 60


async def test_a_frozen_store_shares_rates_and_refuses_totals_and_is_used_again_when_it_is_back(store: SharedStore) -> None:
    async with routers(store, 4, QuotaConfig(requests_per_minute=40)) as (one, *_):
        assert await reserve(one, 1)
        store.process.send_signal(signal.SIGSTOP)
        granted = 0
        for _ in range(60):
            granted += await reserve(one, 1) is not None
        assert 9 <= granted <= 10 + 10  # its quarter, and what it held
        store.process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(5):
            while not REGISTRY.get_sample_value("thinmesh_quota_store_reachable"):
                await asyncio.sleep(0.05)
    async with routers(store, 1, QuotaConfig(tokens_per_day=1000)) as (one,):
        store.process.send_signal(signal.SIGSTOP)
        with pytest.raises(MeshError) as raised:
            await one.reserve("t", "k", "m", Cost(1, 0), streaming=False)
        assert raised.value.reason is Reason.QUOTA_UNAVAILABLE
        store.process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(5):
            while not REGISTRY.get_sample_value("thinmesh_quota_store_reachable"):
                await asyncio.sleep(0.05)
        assert await reserve(one, 1)


@pytest.mark.parametrize("how", ["another", "emptied"])
async def test_a_store_that_has_forgotten_is_told_again_what_was_used_of_the_day(state: Path, how: str) -> None:
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(shared_store(state))
        async with routers(store, 2, QuotaConfig(tokens_per_day=1000)) as (one, other):
            assert await reserve(one, 600)
            await has_heard_of(600, store)
            await asyncio.sleep(1.5)  # by then it has nothing to say
            if how == "another":
                store.process.kill()
                await store.process.wait()
                (state / "valkey.sock").unlink()
                store = await stack.enter_async_context(shared_store(state))
            else:
                async with Redis.from_url(store.url) as redis:
                    await redis.flushall()
            await has_heard_of(600, store)
            async with asyncio.timeout(10):
                while (held := await tried(other, 400)) is None:
                    await asyncio.sleep(0.05)
            assert await tried(other, 1) is None
            held.settle(400, 0)


async def test_a_changed_limit_holds_without_the_store_too(store: SharedStore) -> None:
    async with routers(store, 2, QuotaConfig(requests_per_minute=100)) as (one, _):
        assert await reserve(one, 1)
        one.update({"t": TenantConfig(quota=QuotaConfig(requests_per_minute=8))}, PRICES)
        store.process.kill()
        await store.process.wait()
        granted = sum([await reserve(one, 1) is not None for _ in range(30)])
        assert granted <= 8 // 2


async def test_many_quotas_at_once_are_asked_for_in_several_questions(store: SharedStore) -> None:
    tenants = {"t": TenantConfig(keys=QuotaConfig(requests_per_minute=9, tokens_per_minute=9, tokens_per_day=9))}
    async with SharedCounts(QuotaStoreConfig(store=store.url)) as counted:
        quotas = Quotas(tenants, PRICES, counted)
        before = rounds()
        calls = (quotas.reserve("t", str(key), "m", Cost(1, 0), streaming=False) for key in range(300))
        assert all(await asyncio.gather(*calls))
        assert rounds() - before >= 300 * 3 / shared.QUOTAS_PER_QUESTION


async def test_allow_lets_all_pass(store: SharedStore) -> None:
    policy = WhenUnreachable(rates="allow", totals="allow")
    quota = QuotaConfig(requests_per_minute=2, tokens_per_day=2)
    async with routers(store, 1, quota, when_unreachable=policy) as (one,):
        store.process.kill()
        await store.process.wait()
        for _ in range(5):
            assert await reserve(one, 1)


@pytest.mark.parametrize("quota", [QuotaConfig(tokens_per_day=1000), QuotaConfig(spend_per_month=1000)], ids=["day", "month"])
async def test_who_was_taken_for_dead_grants_nothing_of_what_it_held(store: SharedStore, quota: QuotaConfig) -> None:
    async with routers(store, 2, quota, lease_seconds=0.8) as (one, frozen):
        held = await reserve(frozen, 100)
        assert held is not None
        held.settle(0, 0)  # it keeps that for the next calls
        silence(frozen)
        granted = 0
        async with asyncio.timeout(5):
            while granted < 1000:
                granted += 100 if await reserve(one, 100) is not None else 0
                await asyncio.sleep(0.02)
        (meter,) = frozen.meters.values()
        assert meter.take(meter.limit // 10, frozen.now()) is None


@pytest.mark.parametrize("store", ["redis://localhost:port", "redis://localhost/0?nope=1"])
async def test_an_address_that_makes_no_sense_is_told_at_the_start(store: str) -> None:
    with pytest.raises(ConfigError, match=r"quotas\.store: write memory, redis://"):
        counts.build(RouterConfig(models={}, backends={}, quotas=QuotaStoreConfig(store=store)))
