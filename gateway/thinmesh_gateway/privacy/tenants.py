"""Every tenant's privacy, opened for each of its calls; what was found is counted by kind, and never kept."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

from thinmesh_core.config import ConfigError
from thinmesh_core.telemetry import PERSONAL_DATA
from thinmesh_gateway.audit.trail import Trail
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.privacy.config import PrivacyConfig
from thinmesh_gateway.privacy.names import installed
from thinmesh_gateway.privacy.policy import Privacy, Session

_OPEN: AbstractContextManager[None] = nullcontext()


class Privacies:
    """By tenant; one that looks at nothing costs its calls nothing."""

    def __init__(self, configs: Mapping[str, PrivacyConfig]) -> None:
        """ConfigError names the tenant whose policy can't be served."""
        self._active: dict[str, Privacy] = {}
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

    def open(self, call: AuthorizedCall) -> AbstractContextManager[Session | None]:
        """One call's session while it is entered; None where nothing is looked at."""
        privacy = self._active.get(call.tenant)
        return _OPEN if privacy is None else _Opened(privacy.open(), call.trail)


class _Opened:
    __slots__ = ("_session", "_trail")

    def __init__(self, session: Session, trail: Trail) -> None:
        self._session = session
        self._trail = trail

    def __enter__(self) -> Session:
        return self._session

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for where, found in (("request", self._session.asked), ("answer", self._session.answered)):
            for entity, count in found.items():
                PERSONAL_DATA.labels(entity, where).inc(count)
            self._trail.found(found)
