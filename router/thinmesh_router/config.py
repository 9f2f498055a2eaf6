"""The router's part of thinmesh.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field

from thinmesh_core.config import Section
from thinmesh_core.ranges import MOST, Count, Money, Seconds, Share, Store, Weight
from thinmesh_core.tenants import TenantConfig
from thinmesh_router.autoscaling.config import AutoscaleConfig


class Target(Section, frozen=True, kw_only=True):
    """A backend of a model. `weight` is its share beside the others; `model` the engine's name where it differs."""

    backend: str
    weight: Weight = 1.0
    model: str | None = None


class Price(Section, frozen=True, kw_only=True):
    """What a million tokens cost, in any one currency."""

    input_per_million: Money = 0.0
    output_per_million: Money = 0.0


class ShadowConfig(Section, frozen=True, kw_only=True):
    """A backend that gets copies of a share of the model's calls; its answers are dropped, and it never delays a call."""

    backend: str
    share: Annotated[float, Meta(gt=0, le=1)]
    model: str | None = None


class ModelConfig(Section, frozen=True, kw_only=True):
    """A model: its other names, its backends, and the models that stand in, in order, while none of those takes calls.

    `engine_options` are the keys that callers may hand to the engine uninterpreted. `affinity`: calls of one session, or calls
    that begin alike, go to one backend while that is not too busy. `hedge_seconds`: a vector, an order or a count that takes so
    long is asked of a second backend too, and the first answer wins. `call_tokens` is what a tensor call counts as. With
    `autoscale` each backend is a replica that may be there or not.
    """

    backends: tuple[str | Target, ...]
    aliases: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    engine_options: tuple[str, ...] = ()
    owned_by: str = "thinmesh"
    affinity: Literal["none", "session", "prefix"] = "session"
    hedge_seconds: Seconds | None = None
    shadow: ShadowConfig | None = None
    price: Price | None = None
    call_tokens: Annotated[int, Meta(ge=1, le=MOST)] = 1
    autoscale: AutoscaleConfig | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """The backends, those that are named alone too."""
        return tuple(Target(backend=one) if isinstance(one, str) else one for one in self.backends)


class QueueConfig(Section, frozen=True, kw_only=True):
    """How long a call waits for a place on a backend, and how much may wait for one model.

    `waiting_room_seconds`: how long while no backend takes calls, but one is starting or draining. `minimum_share`: what every
    class below the first keeps of the tokens that are served, and of the room to wait in, so that it does not starve.
    """

    wait_seconds: Seconds = 30.0
    waiting_room_seconds: Seconds = 30.0
    max_waiting: Count = 1024
    max_waiting_tokens: Count = 4_000_000
    minimum_share: Share = 0.05


class WatchdogConfig(Section, frozen=True, kw_only=True):
    """How long a stream may be silent: until its first event, and between two."""

    first_event_seconds: Seconds = 120.0
    idle_seconds: Seconds = 60.0


class WhenUnreachable(Section, frozen=True, kw_only=True):
    """What quotas do while their store can't be reached.

    `share`: each router grants its part of the limit by itself; `refuse`: calls get QUOTA_UNAVAILABLE; `allow`: all pass.
    `rates` are those per minute and the calls at once, `totals` those of days and months.
    """

    rates: Literal["share", "refuse", "allow"] = "share"
    totals: Literal["share", "refuse", "allow"] = "refuse"


class QuotaStoreConfig(Section, frozen=True, kw_only=True):
    """Where quotas are counted: in `memory`, or for several routers in a Redis or Valkey (redis://HOST:PORT/DB, unix:///PATH).

    `replicas` is how many routers share it. What a router held that died, or does not reach it, is free for others
    after `lease_seconds`.
    """

    store: Store = "memory"
    replicas: Annotated[int, Meta(ge=1, le=1000)] = 1
    lease_seconds: Annotated[float, Meta(ge=0.5, le=3600)] = 5.0
    when_unreachable: WhenUnreachable = WhenUnreachable()


class RouterConfig(Section, frozen=True, kw_only=True):
    """Models, where their backends are, and the bounds of waiting. `call_seconds` bounds a call that has no deadline.

    `ledger` is a file for the totals of days and months, and `name` this router's in it.
    """

    models: dict[str, ModelConfig]
    backends: dict[str, str]
    tenants: dict[str, TenantConfig] = field(default_factory=dict)
    quotas: QuotaStoreConfig = QuotaStoreConfig()
    queue: QueueConfig = QueueConfig()
    watchdog: WatchdogConfig = WatchdogConfig()
    call_seconds: Seconds = 600.0
    name: str = ""
    ledger: Path | None = None

    @property
    def prices(self) -> dict[str, Price]:
        """What the models cost that have a price."""
        return {name: model.price for name, model in self.models.items() if model.price is not None}
