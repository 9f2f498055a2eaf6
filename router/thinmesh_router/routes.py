"""Which backends serve a model: names, aliases, weights and fallbacks. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.capabilities import Request
from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_router.autoscaling.config import AutoscaleConfig
from thinmesh_router.config import ModelConfig, ShadowConfig, Target


@dataclass(frozen=True, slots=True)
class Route:
    """A model's targets; `fallback` names the models to try while none of the targets takes calls."""

    model: str
    aliases: tuple[str, ...]
    owned_by: str
    targets: tuple[Target, ...]
    fallback: tuple[str, ...]
    engine_options: frozenset[str]
    affinity: Literal["none", "session", "prefix"]
    hedge_seconds: float | None
    shadow: ShadowConfig | None
    call_tokens: int
    autoscale: AutoscaleConfig | None

    @property
    def rests(self) -> bool:
        """Whether it may have no replica at all, and starts one for a call."""
        return self.autoscale is not None and self.autoscale.minimum == 0

    def check_options(self, request: Request) -> None:
        """INVALID_REQUEST unless the model's entry lets every engine option of the request through."""
        if not (isinstance(request, pb.GenerateRequest) and request.HasField("engine_options_json")):
            return
        for key in json.loads(request.engine_options_json):
            if key not in self.engine_options:
                raise invalid("engine_options", f"The model {self.model!r} does not let the engine option {key!r} through.")


class RouteTable:
    """All routes by model and alias. Checked when built: what it names exists, and no name means two models."""

    def __init__(self, models: Mapping[str, ModelConfig], backends: Iterable[str]) -> None:
        known = frozenset(backends)
        self.routes = {name: _route(name, config) for name, config in sorted(models.items())}
        self._names = dict(self.routes)
        for route in self.routes.values():
            _check(route, known)
            for alias in route.aliases:
                if alias in self._names:
                    raise ConfigError(f"models.{route.model}.aliases: {alias!r} already names {self._names[alias].model!r}")
                self._names[alias] = route
        for route in self.routes.values():
            for name in route.fallback:
                self.check(name, f"models.{route.model}.fallback")
        self._chains = {route.model: (route, *(self.routes[name] for name in route.fallback)) for route in self.routes.values()}

    def resolve(self, name: str) -> Route:
        """The route of a model or alias; MODEL_NOT_FOUND where there is none."""
        route = self._names.get(name)
        if route is None:
            raise MeshError(
                Reason.MODEL_NOT_FOUND, f"The model {name!r} does not exist; GET /v1/models lists those that do.", param="model"
            )
        return route

    def check(self, model: str, where: str) -> None:
        """ConfigError at the key `where` unless it is a model's own name."""
        if model in self.routes:
            return
        if model in self._names:
            raise ConfigError(f"{where}: {model!r} is an alias; write {self._names[model].model!r}")
        raise ConfigError(f"{where}: there is no model {model!r}; there are: {', '.join(self.routes)}")

    def chain(self, route: Route) -> tuple[Route, ...]:
        """The route, then those that stand in for it, in order."""
        return self._chains[route.model]


def _route(name: str, config: ModelConfig) -> Route:
    return Route(
        name,
        config.aliases,
        config.owned_by,
        config.targets,
        config.fallback,
        frozenset(config.engine_options),
        config.affinity,
        config.hedge_seconds,
        config.shadow,
        config.call_tokens,
        config.autoscale,
    )


def _check(route: Route, backends: frozenset[str]) -> None:
    where = f"models.{route.model}"
    if not route.targets:
        raise ConfigError(f"{where}.backends is empty: name at least one backend")
    for target in route.targets:
        _known(target.backend, backends, f"{where}.backends")
    if route.shadow is not None:
        _known(route.shadow.backend, backends, f"{where}.shadow")
    if route.autoscale is not None:
        most, there = max(route.autoscale.minimum, route.autoscale.maximum or 0), len(route.targets)
        if most > there:
            raise ConfigError(
                f"{where}.autoscale: {most} replicas need as many backends, and it has {there}: list one for each"
            )
    if route.model in route.fallback:
        raise ConfigError(f"{where}.fallback: a model can't stand in for itself")


def _known(backend: str, backends: frozenset[str], where: str) -> None:
    if backend not in backends:
        raise ConfigError(f"{where}: there is no backend {backend!r}; there are: {', '.join(sorted(backends))}")
