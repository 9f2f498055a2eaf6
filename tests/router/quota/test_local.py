"""What a restart does not forget: totals of days and months, each router's own."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from thinmesh_core.config import ConfigError
from thinmesh_core.cost import Cost
from thinmesh_core.tenants import QuotaConfig, TenantConfig
from thinmesh_router.quota.local import LocalCounts
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


async def test_a_ledger_that_is_none_is_named(tmp_path: Path) -> None:
    ledger = tmp_path / "quotas.db"
    ledger.write_text("this is no database, " * 100)
    with pytest.raises(ConfigError, match=r"quotas\.db can't be used .*: move it away"):
        async with LocalCounts(ledger, "one"):
            pass
