"""What a restart does not forget: totals of days and months, each router's own."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from thinmesh_core.config import ConfigError
from thinmesh_core.cost import Cost
from thinmesh_core.tenants import QuotaConfig, TenantConfig
from thinmesh_router.quota import local
from thinmesh_router.quota.local import LocalCounts, Row
from thinmesh_router.quota.quotas import Quotas

TENANTS = {"t": TenantConfig(quota=QuotaConfig(tokens_per_day=100, tokens_per_minute=100))}


async def test_a_day_is_counted_on_after_a_restart_and_a_minute_begins_anew(tmp_path: Path) -> None:
    ledger = tmp_path / "quotas.db"
    for used in (0, 30, 60):
        async with LocalCounts(ledger, "one") as counts:
            quotas = Quotas(TENANTS, {}, counts)
            held = await quotas.reserve("t", "k", "m", Cost(30, 0), streaming=False)
            assert sorted(one.used for one in quotas.listed() if one.used is not None) == [30, used + 30]
            held.settle(None, 0)
    async with LocalCounts(ledger, "other") as counts:
        quotas = Quotas(TENANTS, {}, counts)
        await quotas.reserve("t", "k", "m", Cost(99, 0), streaming=False)
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o600


async def test_a_slow_save_does_not_write_over_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = tmp_path / "quotas.db"
    write, begun, overtaken = local._write, threading.Event(), threading.Event()

    def slow(ledger: Path, rows: Sequence[Row]) -> None:
        first = not begun.is_set()
        begun.set()
        if first:
            overtaken.wait(0.3)
        write(ledger, rows)
        overtaken.set()

    monkeypatch.setattr(local, "_write", slow)
    monkeypatch.setattr(local, "SAVE_SECONDS", 0.01)
    async with LocalCounts(ledger, "one") as counts:
        quotas = Quotas(TENANTS, {}, counts)
        await quotas.reserve("t", "k", "m", Cost(10, 0), streaming=False)
        assert await asyncio.to_thread(begun.wait, 10)
        await quotas.reserve("t", "k", "m", Cost(50, 0), streaming=False)
    async with LocalCounts(ledger, "one") as counts:
        await Quotas(TENANTS, {}, counts).reserve("t", "k", "m", Cost(1, 0), streaming=False)
        assert sorted(meter.saved()[1] for meter in counts._totals.values()) == [61]


async def test_a_ledger_that_is_none_is_named(tmp_path: Path) -> None:
    ledger = tmp_path / "quotas.db"
    ledger.write_text("this is no database, " * 100)
    with pytest.raises(ConfigError, match=r"quotas\.db can't be used .*: move it away"):
        async with LocalCounts(ledger, "one"):
            pass
