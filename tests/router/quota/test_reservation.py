"""One call's quotas: all or nothing, settled once, and told in the words of the quota that is used up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinmesh_core.cost import Cost
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.tenants import QuotaConfig, TenantConfig
from thinmesh_router.config import Price
from thinmesh_router.quota.local import LocalCounts
from thinmesh_router.quota.plan import Measure
from thinmesh_router.quota.quotas import UNLIMITED, Quotas
from thinmesh_router.quota.reservation import SLICE, Reservation

PRICES = {"m": Price(input_per_million=2.0, output_per_million=6.0)}


NOTHING = QuotaConfig()


def quotas(quota: QuotaConfig = NOTHING, **tenant: QuotaConfig | dict[str, QuotaConfig]) -> Quotas:
    return Quotas({"t": TenantConfig(quota=quota, **tenant)}, PRICES, LocalCounts())  # type: ignore[arg-type]


async def reserve(of: Quotas, cost: Cost, *, key: str = "k", model: str = "m", streaming: bool = False) -> Reservation:
    return await of.reserve("t", key, model, cost, streaming=streaming)


def used(of: Quotas) -> dict[Measure, int | None]:
    return {one.subject.measure: one.used for one in of.listed()}


async def refused(of: Quotas, cost: Cost, **of_call: str) -> MeshError:
    with pytest.raises(MeshError) as raised:
        await reserve(of, cost, **of_call)  # type: ignore[arg-type]
    return raised.value


async def test_who_has_no_quota_is_not_counted() -> None:
    assert await reserve(quotas(), Cost(1, 1)) is UNLIMITED
    assert await Quotas({}, {}, LocalCounts()).reserve("stranger", "k", "m", Cost(1, 1), streaming=True) is UNLIMITED


async def test_a_call_takes_from_all_of_its_quotas_or_from_none() -> None:
    of = quotas(QuotaConfig(requests_per_minute=9, tokens_per_minute=100, tokens_per_day=50, concurrent_calls=9))
    await reserve(of, Cost(10, 10))
    error = await refused(of, Cost(20, 20))
    assert (error.reason, error.quota) == (Reason.QUOTA_EXCEEDED, "tokens per day of tenant t")
    assert error.retry_after
    before = used(of)
    assert (await refused(of, Cost(30, 30))).reason is Reason.REQUEST_TOO_LARGE  # it will never fit
    assert used(of) == before


@pytest.mark.parametrize(
    ("quota", "cost", "reason", "words"),
    [
        (QuotaConfig(requests_per_minute=0), Cost(1, 1), Reason.QUOTA_EXCEEDED, "requests per minute of tenant t"),
        (QuotaConfig(concurrent_calls=0), Cost(1, 1), Reason.QUOTA_EXCEEDED, "concurrent calls of tenant t"),
        (QuotaConfig(tokens_per_minute=5), Cost(3, 3), Reason.REQUEST_TOO_LARGE, "tokens per minute of tenant t"),
        (QuotaConfig(input_tokens=5), Cost(6, 0), Reason.REQUEST_TOO_LARGE, "input tokens per call of tenant t is 5"),
        (QuotaConfig(spend_per_month=0.00001), Cost(3, 1), Reason.SPEND_EXCEEDED, "spend per month of tenant t"),
    ],
)
async def test_each_quota_refuses_in_its_own_words(quota: QuotaConfig, cost: Cost, reason: Reason, words: str) -> None:
    error = await refused(quotas(quota), cost)
    assert error.reason is reason
    assert words in error.message


async def test_a_quota_of_a_model_and_of_a_key_hold_for_those_alone() -> None:
    of = quotas(keys=QuotaConfig(requests_per_minute=2), models={"dear": QuotaConfig(requests_per_minute=1)})
    await reserve(of, Cost(1, 1), model="dear")
    assert (await refused(of, Cost(1, 1), model="dear")).quota == "requests per minute of tenant t with model dear"
    await reserve(of, Cost(1, 1))
    assert (await refused(of, Cost(1, 1))).quota == "requests per minute of tenant t by key k"
    await reserve(of, Cost(1, 1), key="other")


async def test_a_month_is_counted_in_money() -> None:
    of = quotas(QuotaConfig(spend_per_month=1.0))
    held = await reserve(of, Cost(100_000, 100_000))
    assert used(of)[Measure.SPEND] == 800_000  # millionths
    held.settle(100_000, 50_000)
    assert used(of)[Measure.SPEND] == 500_000


async def test_what_was_used_beyond_the_estimate_is_booked_and_later_calls_wait_for_it() -> None:
    of = quotas(QuotaConfig(tokens_per_minute=100))
    held = await reserve(of, Cost(10, 10))
    held.settle(50, 90)
    assert used(of)[Measure.TOKENS] == 140
    error = await refused(of, Cost(1, 0))
    assert error.retry_after is not None
    assert 50 < error.retry_after <= 61
    assert dict(error.headers)["x-ratelimit-remaining-tokens"] == "0"


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 300), st.integers(0, 60), st.integers(0, 400)), max_size=12),
    st.booleans(),
)
@settings(deadline=None, max_examples=150)
async def test_settled_calls_have_used_what_they_used_however_they_came_to_it(
    calls: list[tuple[int, int, int, int]], twice: bool
) -> None:
    of = quotas(QuotaConfig(requests_per_minute=100, tokens_per_minute=10**6, tokens_per_day=10**6, concurrent_calls=100))
    total = 0
    for estimated, asked, read, made in calls:
        held = await reserve(of, Cost(estimated, asked), streaming=True)
        for output in range(0, made, SLICE // 2):
            if not held.spend(output):
                assert await held.extend()
        held.settle(read, made)
        if twice:
            held.settle(read, made)
        total += read + made
    if calls:
        assert used(of) == {
            Measure.REQUESTS: len(calls),
            Measure.TOKENS: total,
            Measure.DAY: total,
            Measure.CONCURRENT: 0,
        }


async def test_a_stream_uses_its_limit_to_the_last_token_and_is_told_why_it_ends() -> None:
    of = quotas(QuotaConfig(tokens_per_minute=211))
    held = await reserve(of, Cost(10, 1000), streaming=True)
    made = 0
    while held.spend(made + 1) or await held.extend():
        made += 1
    assert made == 201
    assert held.note == "ended early: the tokens per minute of tenant t are used up"


async def test_an_operators_limit_holds_for_its_time() -> None:
    of = quotas(QuotaConfig(requests_per_minute=1))
    await reserve(of, Cost(1, 1))
    subject = next(of.listed()).subject
    of.set(subject, 2, 60.0)
    assert next(of.listed()).expires_in == pytest.approx(60, abs=5)
    await reserve(of, Cost(1, 1))
    of.set(subject, 3, -1.0)
    assert next(of.listed()).limit == 1
    await refused(of, Cost(1, 1))


@pytest.mark.parametrize("by", ["operator", "file"])
async def test_a_lower_limit_holds_for_streams_that_run(by: str) -> None:
    of = quotas(QuotaConfig(tokens_per_minute=1000))
    held = await reserve(of, Cost(10, 1000), streaming=True)
    assert not held.spend(SLICE + 1)
    if by == "operator":
        of.set(next(of.listed()).subject, SLICE, 60.0)
    else:
        of.update({"t": TenantConfig(quota=QuotaConfig(tokens_per_minute=SLICE))}, PRICES)
    assert not await held.extend()


async def test_a_stream_ends_in_order_where_nobody_can_tell_whether_there_is_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unreachable(*_: object) -> bool:
        raise MeshError(Reason.QUOTA_UNAVAILABLE, "What is left can't be told now.")

    monkeypatch.setattr(LocalCounts, "refill", staticmethod(unreachable))
    held = await reserve(quotas(QuotaConfig(tokens_per_day=SLICE + 10)), Cost(10, 1000), streaming=True)
    assert not held.spend(SLICE + 1)
    assert not await held.extend()
    assert held.note == "ended early: What is left can't be told now."
    held.settle(10, SLICE)
