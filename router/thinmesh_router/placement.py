"""Where a call can go now: the backends of its route that take calls, can do it, have room, and of these the best."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from thinmesh_core.capabilities import Capability, name
from thinmesh_core.errors import MeshError, Reason
from thinmesh_router.affinity import preferred
from thinmesh_router.backend import Backend
from thinmesh_router.backends import Backends
from thinmesh_router.balancer import choose
from thinmesh_router.breaker import usable
from thinmesh_router.config import Target
from thinmesh_router.latency import usual
from thinmesh_router.routes import Route, RouteTable


class Place(NamedTuple):
    """Where an admitted call goes, and under which of the engine's names; `probe` is its number, where it is one."""

    backend: Backend
    model: str
    probe: int = 0


class Wanted(NamedTuple):
    """What a call wants: `tried` are the backends that it had, `key` is shared by calls that should go to the same one."""

    model: str
    needs: frozenset[Capability]
    tried: set[str]
    key: bytes | None = None


class Placement:
    """Chooses among the backends of a route; the first route of the chain that has one for the call decides."""

    def __init__(self, table: RouteTable, backends: Backends, random: Random) -> None:
        self.table = table
        self._backends = backends
        self._random = random

    def grant(self, wanted: Wanted, now: float) -> Place | None:
        """A place now, its slot taken, or None to wait; MeshError where there is nothing to wait for."""
        stage, able = self._first(wanted)
        if able:
            return self._choose(able, stage, wanted.key, now)
        expected = [known for stage in self._chain(wanted.model) for known in self._expected(stage, wanted)]
        refusal = self.refusal(wanted)
        if any(expected) or (expected and refusal.reason is Reason.NO_BACKEND):
            return None
        raise refusal

    def able(self, asked: str, needs: frozenset[Capability]) -> list[Place]:
        """Where the model could be served now, full or not; of the first of its routes that has a backend for it."""
        stage, able = self._first(Wanted(asked, needs, set()))
        return [Place(backend, engine_model(target, stage)) for target, backend in able]

    def usual(self, wanted: Wanted, now: float) -> float:
        """How long before its deadline a call has to have a place, in seconds."""
        _, able = self._first(wanted)
        return usual([backend.latency for _, backend in able], now)

    def takes_calls(self, model: str) -> bool:
        """Whether any of the model's backends does."""
        return any(self._backends[target.backend].ready for stage in self._chain(model) for target in stage.targets)

    def refusal(self, wanted: Wanted) -> MeshError:
        """What to say where no backend is able: CAPABILITY_MISSING where one is ready, else NO_BACKEND."""
        route = self.table.resolve(wanted.model)
        targets = [target for stage in self.table.chain(route) for target in stage.targets]
        if any(self._backends[target.backend].ready for target in targets if target.backend not in wanted.tried):
            return self._incapable(route, wanted.needs)
        return MeshError(Reason.NO_BACKEND, f"The model {route.model!r} has no backend that takes calls now.", retry_after=5)

    def beside(self, route: Route, needs: frozenset[Capability], now: float) -> Place | None:
        """A place for a copy of a call, its slot taken, where the route's shadow has room and nobody waits for it."""
        shadow = route.shadow
        if shadow is None or self._random.random() >= shadow.share:
            return None
        backend, model = self._backends.get(shadow.backend), shadow.model or route.model  # none: a reload took it away
        if backend is None or not (backend.ready and backend.can(model, needs) and backend.has_room(now)):
            return None
        backend.limit.acquire()
        return Place(backend, model)

    def _chain(self, asked: str) -> tuple[Route, ...]:
        return self.table.chain(self.table.resolve(asked))

    def _first(self, wanted: Wanted) -> tuple[Route, list[tuple[Target, Backend]]]:
        """The first route of the chain that has a backend for the call, and all that it has; the last with none."""
        able: list[tuple[Target, Backend]] = []
        for stage in self._chain(wanted.model):
            able = self._able(stage, wanted)
            if able:
                break
        return stage, able

    def _able(self, stage: Route, wanted: Wanted) -> list[tuple[Target, Backend]]:
        return [
            (target, backend)
            for target in stage.targets
            if target.backend not in wanted.tried
            and (backend := self._backends[target.backend]).ready
            and backend.can(target.model or stage.model, wanted.needs)
        ]

    def _expected(self, stage: Route, wanted: Wanted) -> list[bool]:
        """Of each backend that is worth waiting for, whether it is known to be able; of one that starts nothing is known.

        An absent one is a replica that will be started for the call, where the model may have none.
        """
        return [
            backend.can(target.model or stage.model, wanted.needs)
            for target in stage.targets
            if target.backend not in wanted.tried
            and ((backend := self._backends[target.backend]).expected or (stage.rests and backend.absent))
        ]

    def _choose(self, able: list[tuple[Target, Backend]], stage: Route, key: bytes | None, now: float) -> Place | None:
        allowed = usable([backend.breaker for _, backend in able], now)
        free = [able[index] for index in allowed if able[index][1].has_room(now)]
        if not free:
            return None
        target, backend = free[self._best(free, key, now)]
        backend.limit.acquire()
        return Place(backend, engine_model(target, stage), backend.breaker.begin(now))

    def _best(self, free: list[tuple[Target, Backend]], key: bytes | None, now: float) -> int:
        if len(free) == 1 or free[0][1].breaker.allows_probe(now):
            return 0
        candidates = [backend.candidate(target.weight, now) for target, backend in free]
        if key is not None:
            return preferred(key, [backend.name for _, backend in free], candidates)
        return choose(candidates, self._random)

    def _incapable(self, route: Route, needs: frozenset[Capability]) -> MeshError:
        ready = [target for target in route.targets if self._backends[target.backend].ready]
        has: set[Capability] = set()
        for target in ready:
            served = self._backends[target.backend].served(engine_model(target, route))
            has.update(served.capabilities if served is not None else ())
        missing = ", ".join(sorted(name(one) for one in (needs - has) or needs))
        return MeshError(Reason.CAPABILITY_MISSING, f"The model {route.model!r} does not support: {missing}.")


def engine_model(target: Target, route: Route) -> str:
    """The engine's name for the model."""
    return target.model or route.model
