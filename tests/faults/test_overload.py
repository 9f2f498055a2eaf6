"""Twice as many calls as the engine can take: who is urgent is served, what is served is of use, who is refused hears it at once."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from crowd import Ended, Load, crowd
from load import Record, Sent, percentile

from thinmesh_core.errors import Reason

TOKEN_SECONDS = 0.2
SECONDS = 60.0
WAITING = 100
CONFIG = f"""
tenants:
  dev: {{}}
  critical: {{priority: critical}}
  standard: {{}}
  batch: {{priority: batch}}
  heavy: {{}}
  light: {{}}
  double: {{weight: 2}}
backends:
  one:
    adapter: echo
    options: {{delay_ms: {TOKEN_SECONDS * 1000}, max_concurrency: SEATS}}
models: {{one: {{backends: [one]}}}}
queue: {{max_waiting: {WAITING}, wait_seconds: 5}}
"""
WAITED = ("more urgent", "no place")
"""What those are told who waited before they were refused."""


@pytest.mark.faults
async def test_fault_18_overload_of_mixed_classes(state: Path, record_property: Record) -> None:
    """Critical, standard and batch calls, together twice what the engine can take, for 60 s
    -> goodput >= 90 % of capacity, CRITICAL served >= 99 % within 1 s, refused <= 20 ms after the decision (99 %), bounded queue.
    """
    seats = 20
    capacity = seats / TOKEN_SECONDS
    loads = [
        Load("critical", 2, 0.3 * capacity, 0, SECONDS),
        Load("standard", 2, 0.9 * capacity, 0, SECONDS),
        Load("batch", 2, 0.8 * capacity, 0, SECONDS),
    ]
    async with crowd(CONFIG.replace("SEATS", str(seats)), state, ["critical", "standard", "batch"]) as tenants:
        sent = await tenants.load(Random(18), loads)
    goodput = sum(one.outcome.tokens for one in sent if one.at + one.seconds <= SECONDS) / SECONDS / capacity
    critical = [one for one in sent if one.outcome.tenant == "critical"]
    attained = sum(one.outcome.error is None and one.seconds <= 1 for one in critical) / len(critical)
    refused = [one for one in sent if one.outcome.error is not None]
    at_once = [one.seconds for one in refused if not _waited(one)]
    slowest = percentile(at_once, 99)
    record_property("goodput", f"{goodput:.1%}")
    record_property("CRITICAL", f"{attained:.2%} of {len(critical)}")
    record_property(
        f"refused, of {len(sent)},", f"{len(refused)}, {len(at_once)} without waiting: 99 % answered in {slowest * 1000:.0f} ms"
    )
    record_property(
        "batch served", f"{sum(one.outcome.tokens for one in sent if one.outcome.tenant == 'batch') / capacity / SECONDS:.1%}"
    )
    record_property("most waiting", tenants.most_waiting)
    assert {one.outcome.error.reason for one in refused if one.outcome.error is not None} == {Reason.OVERLOADED}
    assert goodput >= 0.9
    assert attained >= 0.99
    assert slowest <= 0.02
    assert 0 < tenants.most_waiting <= WAITING


@pytest.mark.faults
async def test_fault_51_ten_times_the_calls_are_not_ten_times_the_tokens(state: Path, record_property: Record) -> None:
    """Of two tenants of a class that both want more than half, one sends 10 times the other's calls, of half their length
    -> both get equal tokens within 5 %.
    """
    seats, seconds = 8, 40.0
    fair = seats / TOKEN_SECONDS / 2
    loads = [Load("light", 4, 1.5 * fair, 0, seconds), Load("heavy", 2, 7.5 * fair, 0, seconds)]
    async with crowd(CONFIG.replace("SEATS", str(seats)), state, ["light", "heavy"]) as tenants:
        sent = await tenants.load(Random(51), loads)
    light, heavy = (_tokens(sent, tenant, 5, seconds) for tenant in ("light", "heavy"))
    record_property("tokens of the light one to those of the heavy one", f"{light / heavy:.3f}")
    assert light / heavy == pytest.approx(1, abs=0.05)


@pytest.mark.faults
async def test_fault_51_weights_are_kept(state: Path, record_property: Record) -> None:
    """Two tenants of a class, of weights 2 and 1, both want more than their share -> they get tokens 2 to 1 within 5 %."""
    seats, seconds = 8, 40.0
    capacity = seats / TOKEN_SECONDS
    loads = [Load("double", 2, 1.2 * capacity, 0, seconds), Load("light", 2, 1.2 * capacity, 0, seconds)]
    async with crowd(CONFIG.replace("SEATS", str(seats)), state, ["double", "light"]) as tenants:
        sent = await tenants.load(Random(52), loads)
    double, light = (_tokens(sent, tenant, 5, seconds) for tenant in ("double", "light"))
    record_property("tokens of weight 2 to those of weight 1", f"{double / light:.3f}")
    assert double / light == pytest.approx(2, abs=0.1)


@pytest.mark.faults
async def test_fault_51_a_tenant_over_its_quota_does_not_slow_others(state: Path, record_property: Record) -> None:
    """Beside two tenants a third sends 10 times what its quota allows -> the two's p99 grows by at most 10 %."""
    seats, seconds = 20, 20.0
    quiet = [Load("light", 2, 10, 0, seconds), Load("double", 2, 10, 0, seconds)]
    quota = "  noisy: {quota: {requests_per_minute: 120}}\nbackends:"
    config = CONFIG.replace("SEATS", str(seats)).replace("backends:", quota, 1)
    async with crowd(config, state, ["light", "double", "noisy"]) as tenants:
        before = await tenants.load(Random(54), quiet)
        after = await tenants.load(Random(54), [*quiet, Load("noisy", 2, 40, 0, seconds)])
    usual = percentile([one.seconds for one in before], 99)
    others = percentile([one.seconds for one in after if one.outcome.tenant != "noisy"], 99)
    noisy = [one.outcome.error for one in after if one.outcome.tenant == "noisy"]
    record_property("p99 of the others", f"{others * 1000:.0f} ms, alone {usual * 1000:.0f} ms")
    record_property("refused of the third's", f"{sum(error is not None for error in noisy)} of {len(noisy)}")
    assert {one.outcome.error for one in (*before, *after) if one.outcome.tenant != "noisy"} == {None}
    assert {error.reason for error in noisy if error is not None} == {Reason.QUOTA_EXCEEDED}
    assert sum(error is None for error in noisy) == 120
    assert others <= 1.1 * usual


@pytest.mark.faults
async def test_fault_52_batch_calls_do_not_starve(state: Path, record_property: Record) -> None:
    """Standard calls of twice the capacity, and batch calls of 3 % of it, for 40 s -> none of these waits for more than 5 s."""
    seats, seconds = 20, 40.0
    capacity = seats / TOKEN_SECONDS
    loads = [Load("standard", 2, 2 * capacity, 0, seconds), Load("batch", 2, 0.03 * capacity, 2, seconds)]
    async with crowd(CONFIG.replace("SEATS", str(seats)), state, ["standard", "batch"]) as tenants:
        sent = await tenants.load(Random(53), loads)
    batch = [one for one in sent if one.outcome.tenant == "batch"]
    refused = [one for one in batch if one.outcome.error is not None]
    longest = max(one.seconds for one in batch) - 2 * TOKEN_SECONDS
    record_property("refused", f"{len(refused)} of {len(batch)}")
    record_property("longest wait", f"{longest:.2f} s")
    assert not refused
    assert longest <= 5


def _waited(one: Sent[Ended]) -> bool:
    """Whether it had a place in the queue before it was refused."""
    error = one.outcome.error
    return error is not None and any(words in error.message for words in WAITED)


def _tokens(sent: list[Sent[Ended]], tenant: str, begin: float, end: float) -> int:
    """What a tenant was answered with in that time."""
    return sum(one.outcome.tokens for one in sent if one.outcome.tenant == tenant and begin < one.at + one.seconds <= end)
