"""The quotas in force: finds what a call is held to, and keeps the counts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import NamedTuple

from thinmesh_core.cost import Cost
from thinmesh_core.telemetry import QUOTA_USED
from thinmesh_core.tenants import TenantConfig
from thinmesh_router.config import Price
from thinmesh_router.quota.counts import Counts
from thinmesh_router.quota.meters import Meter, Moment
from thinmesh_router.quota.plan import Measure, Metered, Plan, Subject, everything, limits, priced
from thinmesh_router.quota.reservation import SLICE, Reservation, Unlimited

MOST_PLANS = 16_384
"""Kinds of calls (tenant, model, key) whose plans are kept."""

UNLIMITED = Unlimited()


class Override(NamedTuple):
    """A limit that an operator set for a time; `until` in monotonic seconds."""

    limit: int
    until: float


class Listed(NamedTuple):
    """A quota in force: what is granted of it (None: it is not counted), and how long an operator's limit holds yet."""

    subject: Subject
    limit: int
    used: int | None
    expires_in: float | None


class Quotas:
    """Every quota of every tenant."""

    def __init__(self, tenants: Mapping[str, TenantConfig], prices: Mapping[str, Price], counts: Counts) -> None:
        self.tenants = tenants
        self._counts = counts
        self._prices = prices
        self.meters: dict[Subject, Meter] = {}
        self._plans: dict[tuple[str, str, str], Plan] = {}
        self._overrides: dict[Subject, Override] = {}

    def now(self) -> Moment:
        """The two clocks."""
        return Moment(time.monotonic(), time.time())

    def update(self, tenants: Mapping[str, TenantConfig], prices: Mapping[str, Price]) -> None:
        """Puts other quotas in force; what is used stays counted."""
        self.tenants, self._prices = tenants, prices
        self._renew()

    async def reserve(self, tenant: str, key: str, model: str, cost: Cost, *, streaming: bool) -> Reservation:
        """Takes what a call needs: its input, and a first slice of a stream's output or all of a whole answer's.

        MeshError QUOTA_EXCEEDED, SPEND_EXCEEDED or REQUEST_TOO_LARGE names the quota, QUOTA_UNAVAILABLE says that nobody knows.
        """
        plan = self._plans.get((tenant, model, key)) or self._plan(tenant, model, key)
        if plan.free:
            return UNLIMITED
        if self._overrides:
            self._expire(time.monotonic())
        reservation = Reservation(plan, cost, self.now, self._counts.refill)
        await reservation.open(min(cost.output, SLICE) if streaming else cost.output)
        return reservation

    def set(self, subject: Subject, limit: int, seconds: float) -> None:
        """Another limit until it expires."""
        self._overrides[subject] = Override(limit, time.monotonic() + seconds)
        self._renew()

    async def look(self) -> None:
        """Before `listed`: makes what is used as fresh as it can be."""
        await self._counts.look()

    def listed(self, tenant: str | None = None) -> Iterator[Listed]:
        """Each quota in force: the tenant's own first, then by model, then by key."""
        self._expire(time.monotonic())
        at = self.now()
        found = dict(everything(self.tenants))
        found |= {subject: meter.limit for subject, meter in self.meters.items() if subject.key is not None}
        found |= {subject: override.limit for subject, override in self._overrides.items()}
        for subject, limit in sorted(found.items(), key=lambda one: (one[0].tenant, one[0].model or "", one[0].key or "")):
            if tenant is None or subject.tenant == tenant:
                meter, override = self.meters.get(subject), self._overrides.get(subject)
                used = None if subject.measure is Measure.INPUT else 0 if meter is None else meter.used(at)
                yield Listed(subject, limit, used, None if override is None else override.until - at.mono)

    def meter(self, subject: Subject, limit: int) -> Meter:
        """The count of a quota, begun when it is first needed."""
        found = self.meters.get(subject)
        if found is None:
            found = self.meters[subject] = self._counts.meter(subject, limit)
            if subject.key is None:  # of keys there may be any number
                use = QUOTA_USED.labels(subject.tenant, subject.model or "", subject.measure.metric)
                use.set_function(partial(self._use, found))  # asked when scraped
        found.limit = limit
        return found

    def _use(self, meter: Meter) -> float:
        return meter.used(self.now()) / max(meter.limit, 1)

    def _plan(self, tenant: str, model: str, key: str) -> Plan:
        if len(self._plans) >= MOST_PLANS:
            self._plans.clear()
        config = self.tenants.get(tenant)
        found = dict(limits(tenant, config, model, key or None)) if config is not None else {}
        for subject, override in self._overrides.items():
            if subject.tenant == tenant and subject.model in {None, model} and subject.key in {None, key}:
                found[subject] = override.limit
        plan = self._plans[tenant, model, key] = Plan(
            requests=self._metered(found, Measure.REQUESTS),
            tokens=self._metered(found, Measure.TOKENS) + self._metered(found, Measure.DAY),
            spend=self._metered(found, Measure.SPEND),
            concurrent=self._metered(found, Measure.CONCURRENT),
            inputs=tuple((subject, limit) for subject, limit in found.items() if subject.measure is Measure.INPUT),
            price=priced(self._prices.get(model)),
        )
        return plan

    def _metered(self, found: Mapping[Subject, int], measure: Measure) -> tuple[Metered, ...]:
        return tuple(
            Metered(subject, self.meter(subject, limit)) for subject, limit in found.items() if subject.measure is measure
        )

    def _expire(self, now: float) -> None:
        gone = [subject for subject, override in self._overrides.items() if override.until <= now]
        for subject in gone:
            del self._overrides[subject]
        if gone:
            self._renew()

    def _renew(self) -> None:
        """Other limits are in force: for calls to come, and for the further slices of streams that run."""
        self._plans.clear()
        for subject, meter in self.meters.items():
            limit = self._limit(subject)
            if limit is not None:
                meter.limit = limit

    def _limit(self, subject: Subject) -> int | None:
        override, config = self._overrides.get(subject), self.tenants.get(subject.tenant)
        if override is not None:
            return override.limit
        return None if config is None else dict(limits(subject.tenant, config, subject.model, subject.key)).get(subject)
