"""The router's part of thinmesh.yaml."""

from __future__ import annotations

from thinmesh_core.config import Section


class Target(Section, frozen=True, kw_only=True):
    """A backend of a model. `weight` is its share beside the others; `model` the engine's name where it differs."""

    backend: str
    weight: float = 1.0
    model: str | None = None


class ModelConfig(Section, frozen=True, kw_only=True):
    """A model: its other names, its backends, and the models that stand in, in order, while none of those takes calls.

    `engine_options` are the keys that callers may hand to the engine uninterpreted.
    """

    backends: tuple[str | Target, ...]
    aliases: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    engine_options: tuple[str, ...] = ()
    owned_by: str = "thinmesh"


class QueueConfig(Section, frozen=True, kw_only=True):
    """How long a call waits for a place on a backend, and how many may wait for one model."""

    wait_seconds: float = 30.0
    max_waiting: int = 1024


class WatchdogConfig(Section, frozen=True, kw_only=True):
    """How long a stream may be silent: until its first event, and between two."""

    first_event_seconds: float = 120.0
    idle_seconds: float = 60.0


class RouterConfig(Section, frozen=True, kw_only=True):
    """Models, where their backends are, and the bounds of waiting. `call_seconds` bounds a call that has no deadline."""

    models: dict[str, ModelConfig]
    backends: dict[str, str]
    queue: QueueConfig = QueueConfig()
    watchdog: WatchdogConfig = WatchdogConfig()
    call_seconds: float = 600.0
