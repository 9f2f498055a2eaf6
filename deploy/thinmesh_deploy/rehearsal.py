"""Calls of the past under another configuration: the router's own quotas, routes and queues, on simulated time."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import count
from math import inf
from typing import NamedTuple

from thinmesh_core.cost import Cost
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.priority import PRIORITIES, Priority
from thinmesh_deploy.config import BackendEntry, MeshConfig
from thinmesh_gateway.audit.entry import ALLOWED, Entry
from thinmesh_router.fair_queue import FairQueue, Full
from thinmesh_router.line import Entry as Waiting
from thinmesh_router.quota.local import LocalCounts
from thinmesh_router.quota.meters import Moment
from thinmesh_router.quota.quotas import Quotas
from thinmesh_router.quota.reservation import Reservation
from thinmesh_router.routes import Route, RouteTable


class Told(NamedTuple):
    """What would become of a call: ALLOWED or the reason that it is refused for, in words, and how long it waits."""

    entry: Entry
    decision: str
    why: str = ""
    waited: float = 0.0


class _Quotas(Quotas):
    """Counts by the rehearsal's clock."""

    at = 0.0

    def now(self) -> Moment:
        """The simulated time, by both clocks."""
        return Moment(self.at, self.at)


class _Call(NamedTuple):
    entry: Entry
    route: Route
    reservation: Reservation


class Rehearsal:
    """One run. A call takes its backend as long as it did; backends have the places that the configuration gives them."""

    def __init__(self, config: MeshConfig) -> None:
        self._config = config
        self._table = RouteTable(config.models, config.backends)
        prices = {name: model.price for name, model in config.models.items() if model.price is not None}
        self._quotas = _Quotas(config.tenants, prices, LocalCounts())
        self._limits = {name: _places(backend) for name, backend in config.backends.items()}
        self._running = dict.fromkeys(self._limits, 0)
        waits = config.queue
        self._queues: dict[str, FairQueue[_Call]] = {
            name: FairQueue(max_calls=waits.max_waiting, max_tokens=waits.max_waiting_tokens, minimum_share=waits.minimum_share)
            for name in self._table.routes
        }
        self._ends: list[tuple[float, int, str, _Call]] = []
        self._numbers = count()
        self._now = 0.0

    async def run(self, entries: Iterable[Entry]) -> list[Told]:
        """What becomes of each call, in the order in which that is known."""
        told: list[Told] = []
        for entry in sorted(entries, key=_came):
            told += self._until(_came(entry))
            told += await self._arrive(entry)
        return [*told, *self._until(inf)]

    def _until(self, then: float) -> Iterator[Told]:
        """The ends of calls until then, and whoever gets their places."""
        while self._ends and self._ends[0][0] <= then:
            self._go(self._ends[0][0])
            _, _, backend, call = heapq.heappop(self._ends)
            self._running[backend] -= 1
            call.reservation.settle(call.entry.input_tokens, call.entry.output_tokens)
            yield from self._dispatch()
        if then < inf:
            self._go(then)
        yield from self._expire(then)

    async def _arrive(self, entry: Entry) -> list[Told]:
        tenant = self._config.tenants.get(entry.tenant)
        if tenant is None:
            return [Told(entry, Reason.INVALID_KEY.name, f"there is no tenant {entry.tenant!r}")]
        try:
            route = self._table.resolve(entry.model)
            cost = Cost(entry.input_tokens, entry.output_tokens)
            reserved = await self._quotas.reserve(entry.tenant, entry.principal, route.model, cost, streaming=False)
        except MeshError as error:
            return [Told(entry, error.reason.name, error.quota or error.message)]
        call, queue = _Call(entry, route, reserved), self._queues[route.model]
        priority = max(PRIORITIES[tenant.priority], PRIORITIES.get(entry.priority, Priority.CRITICAL))
        until = self._now + self._config.queue.wait_seconds
        tokens = (cost.input, cost.total, self._now, until)
        waiting = Waiting(call, priority, entry.tenant, tenant.weight, *tokens)
        backend = None if queue.calls else self._free(route)
        if backend is not None:
            queue.pass_by(waiting)
            return [self._begin(waiting, backend)]
        try:
            return [self._refused(one, "the queue is full of more urgent calls") for one in queue.push(waiting, self._now)]
        except Full:
            return [self._refused(waiting, "the queue is full")]

    def _dispatch(self) -> Iterator[Told]:
        for queue in self._queues.values():
            yield from self._expired(queue, self._now)
            while queue.calls and (head := next(iter(queue.heads(self._now)), None)) is not None:
                backend = self._free(head.item.route)
                if backend is None:
                    break
                queue.take(head, self._now)
                yield self._begin(head, backend)

    def _expire(self, now: float) -> Iterator[Told]:
        for queue in self._queues.values():
            yield from self._expired(queue, now)

    def _expired(self, queue: FairQueue[_Call], now: float) -> Iterator[Told]:
        for late in [one for one in queue.entries() if one.deadline <= now]:
            queue.remove(late)
            yield self._refused(late, f"no place within {self._config.queue.wait_seconds:g} s")

    def _free(self, route: Route) -> str | None:
        """The least busy of the backends that have a place."""
        free = [target.backend for target in route.targets if self._running[target.backend] < self._limits[target.backend]]
        return min(free, key=lambda name: self._running[name] / self._limits[name], default=None)

    def _begin(self, waiting: Waiting[_Call], backend: str) -> Told:
        entry = waiting.item.entry
        self._running[backend] += 1
        ends = self._now + (entry.first_token_ms + entry.generation_ms) / 1e3
        heapq.heappush(self._ends, (ends, next(self._numbers), backend, waiting.item))
        return Told(entry, ALLOWED, waited=self._now - waiting.arrived)

    def _refused(self, waiting: Waiting[_Call], why: str) -> Told:
        waiting.item.reservation.settle(0, 0)
        waited = min(self._now, waiting.deadline) - waiting.arrived
        return Told(waiting.item.entry, Reason.OVERLOADED.name, why, waited)

    def _go(self, now: float) -> None:
        self._now = self._quotas.at = now


def _came(entry: Entry) -> float:
    return (entry.unix_ms - entry.total_ms) / 1e3


def _places(backend: BackendEntry) -> float:
    """How many calls it takes at once, as far as the file says."""
    given = backend.max_concurrency or backend.options.get("max_concurrency")
    return float(given) if isinstance(given, int) else inf
