"""Counts that several routers share, in a Redis or Valkey: asked in rounds, one at a time, whatever number of calls waits.

While the store can't be reached, what each quota does without it is the configuration's to say.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from importlib.resources import files
from typing import Self

import msgspec
from redis.exceptions import RedisError

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.telemetry import QUOTA_STORE_REACHABLE, QUOTA_STORE_ROUNDS
from thinmesh_router.config import QuotaStoreConfig
from thinmesh_router.quota.leases import Ask, Kind, Leased, LeasedMinute, LeasedTotal, Said
from thinmesh_router.quota.meters import Meter, Moment
from thinmesh_router.quota.plan import Measure, Plan, Subject, made
from thinmesh_router.store import connected, within

log = logging.getLogger(__name__)

DECIDE_SECONDS = 0.04
"""What the store may take to answer; then calls are decided without it."""

START_SECONDS = 1.0
"""What it may take at the start, when it is connected to and given its script."""

QUOTAS_PER_QUESTION = 100
"""The store takes about 4 ms for so many, and does nothing else meanwhile."""

LOOK_SECONDS = 0.5
"""Pause between two rounds that no call waits for."""

AGAIN_SECONDS = 1.0
"""Pause before a store that did not answer is asked again."""

PREFIX = "thinmesh:quota:"
UNLIMITED = 1 << 53

_KINDS: dict[Measure, Kind] = {
    Measure.REQUESTS: "minute",
    Measure.TOKENS: "minute",
    Measure.DAY: "day",
    Measure.SPEND: "month",
    Measure.CONCURRENT: "calls",
}
_LUA = (files("thinmesh_router") / "quota" / "lease.lua").read_text()


class SharedCounts:
    """The counts of all routers that name the same store; enter it to use them."""

    def __init__(self, config: QuotaStoreConfig) -> None:
        self._config = config
        self._redis = connected(config.store)
        self._lease = self._redis.register_script(_LUA)
        self._process = secrets.token_hex(8)
        self._all: list[Leased] = []
        self._active: set[Leased] = set()
        self._keys: dict[Leased, str] = {}
        self._asked = asyncio.Event()
        self._next: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reachable = True
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        """Begins to ask in rounds."""
        QUOTA_STORE_REACHABLE.set(1)
        await self._question([], START_SECONDS)
        await self._tasks.__aenter__()
        self._rounds = self._tasks.create_task(self._ask_in_rounds())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Gives back what is held, if the store can be reached."""
        self._rounds.cancel()
        await self._tasks.__aexit__(None, None, None)
        at = Moment(time.monotonic() + AGAIN_SECONDS * 60, time.time())  # every lot is over by then
        await self._round([one for one in tuple(self._active) if one.speaks(at)])
        await self._redis.aclose()

    def meter(self, subject: Subject, limit: int) -> Meter:
        """The count of a quota. What it does without the store depends on its kind: rates and calls, or totals."""
        kind = _KINDS[subject.measure]
        when = self._config.when_unreachable
        policy = when.totals if kind in {"day", "month"} else when.rates
        alone = None if policy == "refuse" else made(subject.measure, UNLIMITED)
        own = self._config.lease_seconds - DECIDE_SECONDS  # what is said last may be heard so late
        replicas = self._config.replicas if policy == "share" else None
        leased = (
            LeasedMinute(limit, alone, self._active, replicas)
            if kind == "minute"
            else LeasedTotal(kind, limit, alone, self._active, own, replicas)
        )
        leased.cut_off = not self._reachable
        self._all.append(leased)
        self._keys[leased] = PREFIX + subject.name
        return leased

    async def look(self) -> None:
        """Asks how every quota is, of which a router that is idle has heard nothing for long."""
        for one in self._all:
            one.look()
        self._asked.set()
        await asyncio.wait({self._next})

    async def refill(self, plan: Plan, calls: int, tokens: int, spend: int) -> bool:
        """Asks for what a call is short of; false where it is short of nothing that the store has.

        QUOTA_UNAVAILABLE where the store can't be reached and a quota may not do without it.
        """
        at = Moment(time.monotonic(), time.time())
        parts = ((calls, plan.requests), (calls, plan.concurrent), (tokens, plan.tokens), (spend, plan.spend))
        short = [
            (subject, meter, amount)
            for amount, several in parts
            for subject, meter in several
            if amount and isinstance(meter, Leased) and not meter.fits(amount, at)
        ]
        if not short:
            return False
        if self._reachable:
            for _, meter, amount in short:
                meter.need(amount)
            self._asked.set()
            await asyncio.wait({self._next})
        if not self._reachable:
            strict = next((subject for subject, meter, _ in short if meter.alone is None), None)
            if strict is not None:
                raise MeshError(
                    Reason.QUOTA_UNAVAILABLE,
                    f"What is left of the {strict} can't be told now; try again shortly.",
                    retry_after=AGAIN_SECONDS,
                    quota=str(strict),
                )
        return True

    async def _ask_in_rounds(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS if self._reachable else AGAIN_SECONDS):
                    await self._asked.wait()
            except TimeoutError:
                pass
            self._asked.clear()
            served, self._next = self._next, asyncio.get_running_loop().create_future()
            if not self._reachable:
                await self._question([])  # with nothing in it that would be lost
            at = Moment(time.monotonic(), time.time())
            speaking = [one for one in tuple(self._active) if one.speaks(at)]
            await self._round([one for one in speaking if one.waited_for])
            served.set_result(None)
            await self._round([one for one in speaking if not one.waited_for])
            if not speaking:
                await self._question([])
            if not self._reachable:  # whoever has come meanwhile need not wait for a round of its own
                late, self._next = self._next, asyncio.get_running_loop().create_future()
                late.set_result(None)

    async def _round(self, leases: Sequence[Leased]) -> None:
        """In as many questions as it takes, while they are answered."""
        for begin in range(0, len(leases), QUOTAS_PER_QUESTION):
            if self._reachable:
                await self._question(leases[begin : begin + QUOTAS_PER_QUESTION])

    async def _question(self, leases: Sequence[Leased], seconds: float | None = None) -> None:
        """About no quota at all it asks whether the store is still what it was."""
        at = Moment(time.monotonic(), time.time())
        asks = [one.ask(at) for one in leases]
        try:
            said = await within(seconds or DECIDE_SECONDS, self._said([self._keys[one] for one in leases], asks))
        except (RedisError, OSError, TimeoutError) as error:
            self._became(reachable=False, why=type(error).__name__)
            for one in leases:
                one.unanswered()
            return
        self._became(reachable=True)
        QUOTA_STORE_ROUNDS.inc()
        for one, answer in zip(leases, said.quotas, strict=True):
            one.answered(answer, at.mono)
        if not said.known:
            for one in self._all:
                one.forgotten()

    async def _said(self, keys: list[str], asks: list[Ask]) -> Said:
        said = await self._lease(
            keys=[PREFIX + "alive", *keys],
            args=[self._process, int(self._config.lease_seconds * 1000), msgspec.json.encode(asks)],
        )
        return msgspec.json.decode(said, type=Said, strict=False)

    def _became(self, *, reachable: bool, why: str = "") -> None:
        """Told once, not with every call."""
        if reachable == self._reachable:
            return
        self._reachable = reachable
        QUOTA_STORE_REACHABLE.set(reachable)
        at = Moment(time.monotonic(), time.time())
        for one in self._all:
            if reachable:
                one.cut_off = False
            else:
                one.cut(self._config.replicas, at)
        if reachable:
            log.warning("the quota store answers again")
        else:
            log.warning("the quota store does not answer (%s): quotas do what quotas.when_unreachable says", why)
