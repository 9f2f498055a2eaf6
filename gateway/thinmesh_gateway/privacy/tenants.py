"""Every tenant's privacy, opened for each of its calls; what was found is counted by kind, and never kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Self, TypeVar

from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.capabilities import Request
from thinmesh_core.config import ConfigError
from thinmesh_core.telemetry import PERSONAL_DATA
from thinmesh_gateway.audit.trail import Trail
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.privacy.config import PrivacyConfig
from thinmesh_gateway.privacy.names import installed
from thinmesh_gateway.privacy.places import Place
from thinmesh_gateway.privacy.policy import NO_NAMES, Privacy, Session
from thinmesh_gateway.privacy.turns import Turns

A = TypeVar("A")
R = TypeVar("R", bound=Request)

_OPEN: AbstractContextManager[None] = nullcontext()


class Privacies:
    """By tenant; one that looks at nothing costs its calls nothing."""

    def __init__(self, configs: Mapping[str, PrivacyConfig]) -> None:
        """ConfigError names the tenant whose policy can't be served."""
        self._active: dict[str, Privacy] = {}
        self._turns = Turns()
        for tenant, config in configs.items():
            try:
                privacy = Privacy(config)
                if privacy.names:
                    installed.check()
            except ConfigError as error:
                raise ConfigError(f"tenants.{tenant}.{error}") from error
            if privacy.active:
                self._active[tenant] = privacy

    @property
    def tenants(self) -> frozenset[str]:
        """Those whose texts are looked at."""
        return frozenset(self._active)

    @property
    def names(self) -> bool:
        """Whether anybody's policy needs names found."""
        return any(privacy.names for privacy in self._active.values())

    def open(self, call: AuthorizedCall) -> AbstractContextManager[Opened | None]:
        """One call's session while it is entered; None where nothing is looked at."""
        privacy = self._active.get(call.tenant)
        return _OPEN if privacy is None else Opened(privacy.open(), call.trail, self._turns)


class Opened:
    """One call's session while it is entered, as the event loop has it: long texts hold nobody up."""

    __slots__ = ("_session", "_trail", "_turns", "names")

    def __init__(self, session: Session, trail: Trail, turns: Turns) -> None:
        self._session = session
        self._trail = trail
        self._turns = turns
        self.names = session.names

    async def texts(self, request: Request) -> list[str]:
        """What names must be looked for in."""
        return await self._turns.done(self._session.texts(request))

    async def request(self, request: R, names: Mapping[str, Sequence[Place]] = NO_NAMES) -> R:
        """The request as the engine may see it; MeshError where it may not."""
        return await self._turns.done(self._session.request(request, names))

    async def response(self, response: A) -> A:
        """A whole answer as the caller may see it."""
        return await self._turns.done(self._session.response(response))

    def event(self, event: pb.GenerateEvent) -> pb.GenerateEvent:
        """A streamed event as the caller may see it."""
        return self._session.event(event)

    def __enter__(self) -> Self:
        """It is looked at from now on."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """What was found is counted."""
        for where, found in (("request", self._session.asked), ("answer", self._session.answered)):
            for entity, count in found.items():
                PERSONAL_DATA.labels(entity, where).inc(count)
            self._trail.found(found)
