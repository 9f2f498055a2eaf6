"""A backend's entry in thinmesh.yaml, as its adapter reads it."""

from __future__ import annotations

from typing import Any

from msgspec import field

from thinmesh_core.config import Section
from thinmesh_core.ranges import Concurrency


class AdapterConfig(Section, frozen=True, kw_only=True):
    """Which adapter, and its options; the options' type belongs to the adapter.

    `insecure`: its engine may be reached in the clear beyond this machine.
    """

    adapter: str
    options: dict[str, Any] = field(default_factory=dict)
    insecure: bool = False
    max_concurrency: Concurrency | None = None
    """Calls at once; unset: what the engine says."""
