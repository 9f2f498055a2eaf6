"""Where the counts of quotas are held: in this process, or in a store that several routers share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, Self

from thinmesh_core.config import ConfigError
from thinmesh_router.config import RouterConfig
from thinmesh_router.quota.local import LocalCounts
from thinmesh_router.quota.meters import Meter
from thinmesh_router.quota.plan import Plan, Subject

Refill = Callable[[Plan, int, int, int], Awaitable[bool]]
"""Fetches what a call is short of (calls, tokens, spend) from elsewhere; false if there is none."""


class Counts(Protocol):
    """Makes the counts; enter it before."""

    @property
    def refill(self) -> Refill | None:
        """None where all there is is here."""
        ...

    def meter(self, subject: Subject, limit: int) -> Meter:
        """The count of a quota."""
        ...

    async def look(self) -> None:
        """Makes what is used as fresh as it can be."""
        ...

    async def __aenter__(self) -> Self:
        """Counts can be had."""
        ...

    async def __aexit__(self, *exc_info: object) -> None:
        """What is to be kept or given back is."""
        ...


def build(config: RouterConfig) -> Counts:
    """What the configuration says; ConfigError with the fix where it can't be had."""
    store = config.quotas.store
    if store == "memory":
        return LocalCounts(config.ledger, config.name)
    try:
        from thinmesh_router.quota.shared import SharedCounts  # noqa: PLC0415  # it needs the extra `redis`
    except ImportError as error:
        raise ConfigError("quotas.store: install the extra `redis` to share quotas, or leave it at `memory`") from error
    try:
        return SharedCounts(config.quotas)
    except (ValueError, TypeError) as error:  # redis hands unknown options on to what does not take them
        raise ConfigError(f"quotas.store: write memory, redis://HOST:PORT/DB or unix:///PATH; {error}") from error
