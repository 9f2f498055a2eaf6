"""One place where a call waits: first come, first served per model, until a backend has room."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from thinmesh_core.capabilities import Capability, name
from thinmesh_core.errors import MeshError, Reason
from thinmesh_router.backends import Backend, Backends
from thinmesh_router.balancer import Candidate, choose
from thinmesh_router.config import QueueConfig, Target
from thinmesh_router.routes import Route, RouteTable


class Place(NamedTuple):
    """Where an admitted call goes, and under which of the engine's names."""

    backend: Backend
    model: str


@dataclass(slots=True, eq=False)
class _Waiting:
    model: str
    needs: frozenset[Capability]
    tried: Collection[str]
    granted: asyncio.Future[Place]


class Ticket:
    """An admitted call: leaving it gives its place to the next one, whatever way the call ended."""

    __slots__ = ("_admission", "place")

    def __init__(self, admission: Admission, place: Place) -> None:
        self._admission = admission
        self.place = place

    def __enter__(self) -> Place:
        """Where to send the call."""
        return self.place

    def __exit__(self, *exc_info: object) -> None:
        """Frees the place."""
        self._admission.release(self.place)


class Admission:
    """Grants places on backends. A free place goes to whoever waits longest; nobody overtakes within a model."""

    def __init__(self, table: RouteTable, backends: Backends, queue: QueueConfig, random: Random) -> None:
        self.table = table
        self._backends = backends
        self.queue = queue
        self._random = random
        self._lines: dict[str, deque[_Waiting]] = {name: deque() for name in table.routes}
        backends.on_change = self._dispatch

    def update(self, table: RouteTable) -> None:
        """Puts other routes in force; whoever waits for a model that is gone is refused, the others wait on."""
        self.table = table
        for model in table.routes:
            self._lines.setdefault(model, deque())
        self._dispatch()
        self._lines = {model: line for model, line in self._lines.items() if model in table.routes}

    async def admit(self, asked: str, needs: frozenset[Capability], tried: Collection[str] = ()) -> Ticket:
        """A place for a call to this model or alias, on none of the backends `tried`, at once or within the queue's bounds.

        NO_BACKEND where there is none to wait for, CAPABILITY_MISSING where none can do it, OVERLOADED where the line
        is full or the wait over.
        """
        model = self.table.resolve(asked).model
        line = self._lines[model]
        place = None if line else self._grant(model, needs, tried)
        if place is None:
            if len(line) >= self.queue.max_waiting:
                raise _overloaded("the queue is full")
            place = await self._wait(line, _Waiting(model, needs, tried, asyncio.get_running_loop().create_future()))
        return Ticket(self, place)

    def able(self, asked: str, needs: frozenset[Capability]) -> list[Place]:
        """Where the model could be served now, full or not; of the first of its routes that has a backend for it."""
        for stage in self.table.chain(self.table.resolve(asked)):
            able = self._able(stage, needs, ())
            if able:
                return [Place(self._backends[target.backend], _engine_model(target, stage)) for target in able]
        return []

    def refusal(self, asked: str, needs: frozenset[Capability], tried: Collection[str] = ()) -> MeshError:
        """What to say where no backend is able: CAPABILITY_MISSING where one is ready, else NO_BACKEND."""
        route = self.table.resolve(asked)
        targets = [target for stage in self.table.chain(route) for target in stage.targets]
        if any(self._backends[target.backend].ready for target in targets if target.backend not in tried):
            return self._incapable(route, needs)
        return MeshError(Reason.NO_BACKEND, f"The model {route.model!r} has no backend that takes calls now.", retry_after=5)

    def release(self, place: Place) -> None:
        """Frees a place for whoever waits."""
        place.backend.limit.release()
        self._dispatch()

    async def _wait(self, line: deque[_Waiting], waiting: _Waiting) -> Place:
        line.append(waiting)
        try:
            async with asyncio.timeout(self.queue.wait_seconds):
                return await waiting.granted
        except BaseException as error:
            if waiting in line:
                line.remove(waiting)
                self._dispatch()  # whoever stood behind may need less
            elif _was_granted(waiting.granted):  # the place came in the same moment as the end of the wait
                self.release(waiting.granted.result())
            if isinstance(error, TimeoutError):
                raise _overloaded(f"no place within {self.queue.wait_seconds:g} s") from error
            raise

    def _dispatch(self) -> None:
        """Serves the lines' heads while backends have room, and refuses those that have nothing left to wait for."""
        for line in self._lines.values():
            while line:
                head = line[0]
                if head.granted.cancelled():  # it left in this very turn
                    line.popleft()
                    continue
                try:
                    place = self._grant(head.model, head.needs, head.tried)
                except MeshError as error:
                    line.popleft()
                    head.granted.set_exception(error)
                    continue
                if place is None:
                    break
                line.popleft()
                head.granted.set_result(place)

    def _grant(self, model: str, needs: frozenset[Capability], tried: Collection[str]) -> Place | None:
        """A place now, or None to wait; the first route of the chain that has a backend for it decides."""
        starting = False
        for stage in self.table.chain(self.table.resolve(model)):
            able = self._able(stage, needs, tried)
            if able:
                return self._choose(able, stage)
            starting |= any(self._backends[target.backend].starting for target in stage.targets)
        refusal = self.refusal(model, needs, tried)
        if starting and refusal.reason is Reason.NO_BACKEND:
            return None
        raise refusal

    def _able(self, stage: Route, needs: frozenset[Capability], tried: Collection[str]) -> list[Target]:
        return [
            target
            for target in stage.targets
            if target.backend not in tried
            and (backend := self._backends[target.backend]).ready
            and backend.can(_engine_model(target, stage), needs)
        ]

    def _choose(self, targets: list[Target], route: Route) -> Place | None:
        free = [(target, backend) for target in targets if (backend := self._backends[target.backend]).limit.free]
        if not free:
            return None
        target, backend = free[choose([Candidate(one.weight, of.load) for one, of in free], self._random)]
        backend.limit.acquire()
        return Place(backend, _engine_model(target, route))

    def _incapable(self, route: Route, needs: frozenset[Capability]) -> MeshError:
        ready = [target for target in route.targets if self._backends[target.backend].ready]
        has: set[Capability] = set()
        for target in ready:
            served = self._backends[target.backend].served(_engine_model(target, route))
            has.update(served.capabilities if served is not None else ())
        missing = ", ".join(sorted(name(one) for one in (needs - has) or needs))
        return MeshError(Reason.CAPABILITY_MISSING, f"The model {route.model!r} does not support: {missing}.")


def _was_granted(granted: asyncio.Future[Place]) -> bool:
    return granted.done() and not granted.cancelled() and granted.exception() is None


def _engine_model(target: Target, route: Route) -> str:
    return target.model or route.model


def _overloaded(why: str) -> MeshError:
    return MeshError(Reason.OVERLOADED, f"The model is busy: {why}; try again shortly.", retry_after=1)
