"""Decides again and again how many replicas each model should have, and tells whoever watches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Self

from thinmesh_core.errors import MeshError, Reason
from thinmesh_router.autoscaling.figures import joined, looked, own
from thinmesh_router.autoscaling.policy import Figures
from thinmesh_router.autoscaling.scaled import Scaled
from thinmesh_router.backends import Backends
from thinmesh_router.placement import Placement
from thinmesh_router.queues import Queues

if TYPE_CHECKING:
    from thinmesh_router.autoscaling.shared import SharedFigures

LOOK_SECONDS = 0.5
"""Pause between two decisions that nobody asks for, and between two exchanges with other routers."""

BEGIN_SECONDS = 10.0
"""By then every backend was looked for."""

WATCH_SECONDS = 3600.0
"""So long a model is watched at once; who wants to goes on watching."""


class Autoscaler:
    """All models that have `autoscale`; enter it to decide for them. `shared` is what other routers say, if there are any."""

    def __init__(self, placement: Placement, backends: Backends, queues: Queues, shared: SharedFigures | None) -> None:
        self._placement = placement
        self._backends = backends
        self._queues = queues
        self._shared = shared
        self._woken = asyncio.Event()
        self._scaled: dict[str, Scaled] = {}
        self._closing = False
        self._stack = AsyncExitStack()
        self.update()

    async def __aenter__(self) -> Self:
        """Begins to decide."""
        if self._shared is not None:
            self._stack.push_async_callback(self._shared.leave)
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._stack.callback(tasks.create_task(self._follow()).cancel)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Ends that, and all watching."""
        self.close()
        await self._stack.aclose()

    def update(self) -> None:
        """Follows the routes in force; a model whose settings are as they were keeps its past."""
        routes = {route.model: route for route in self._placement.table.routes.values() if route.autoscale is not None}
        for model, scaled in tuple(self._scaled.items()):
            if routes.get(model) != scaled.route:
                self._scaled.pop(model).forget()
        for model, route in routes.items():
            if model not in self._scaled and route.autoscale is not None:
                self._scaled[model] = Scaled(route, route.autoscale)

    def close(self) -> None:
        """Ends all watching: the process is about to stop."""
        self._closing = True
        for scaled in self._scaled.values():
            scaled.tell()

    def waits(self, model: str) -> None:
        """A call has to wait for the model, the first that does: one that rests is woken, at other routers too."""
        scaled = self._scaled.get(model)
        if scaled is not None and not scaled.active:
            self._decide(scaled)
            self._woken.set()

    def notes(self) -> list[str]:
        """That decisions are made from this router's figures alone."""
        if self._shared is None or not self._shared.partial:
            return []
        return ["autoscale: the shared store does not answer; replicas follow this router's calls alone, and are not lowered"]

    async def decided(self, name: str) -> Scaled:
        """A model with what is wanted of it now, once its backends were looked for.

        MODEL_NOT_FOUND, NOT_FOUND where it has a fixed number of backends, or NO_BACKEND where that takes too long.
        """
        scaled = self.scaled(name)
        self._decide(scaled)
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                await scaled.begun.wait()
        except TimeoutError:
            looking = f"The backends of {name!r} are still being looked for; ask again shortly."
            raise MeshError(Reason.NO_BACKEND, looking, retry_after=1) from None
        return scaled

    async def watch(self, name: str) -> AsyncGenerator[bool, None]:
        """Whether the model is to have any replica: now, and whenever that changes, until it is gone or for an hour."""
        scaled, told = await self.decided(name), None
        until = time.monotonic() + WATCH_SECONDS
        while not self._closing and self._scaled.get(scaled.route.model) is scaled and time.monotonic() < until:
            changed = scaled.changed
            if scaled.active is not told:
                told = scaled.active
                yield told
                continue  # it may have changed meanwhile
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), until - time.monotonic())

    def scaled(self, name: str) -> Scaled:
        """A model by name or alias."""
        route = self._placement.table.resolve(name)
        scaled = self._scaled.get(route.model)
        if scaled is None:
            raise MeshError(
                Reason.NOT_FOUND,
                f"The model {route.model!r} has a fixed number of backends; `autoscale` in its entry changes that.",
                param="model",
            )
        return scaled

    async def _follow(self) -> None:
        while True:
            if self._shared is not None and self._scaled:
                now = time.monotonic()
                await self._shared.exchange({model: self._own(scaled, now) for model, scaled in self._scaled.items()})
            for scaled in tuple(self._scaled.values()):
                self._decide(scaled)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), LOOK_SECONDS)
            self._woken.clear()

    def _decide(self, scaled: Scaled) -> None:
        if not scaled.begun.is_set() and not self._known(scaled):
            return
        now = time.monotonic()
        figures = self._own(scaled, now)
        if self._shared is not None:
            figures = joined(figures, self._shared.of(scaled.route.model), partial=self._shared.partial)
        scaled.decide(figures, now)

    def _own(self, scaled: Scaled, now: float) -> Figures:
        return own(scaled.route, self._backends, self._queues, now)

    def _known(self, scaled: Scaled) -> bool:
        """Whether there is something to decide from: each backend was looked for, and other routers were heard."""
        return looked(scaled.route, self._backends) and (self._shared is None or self._shared.heard)
