"""The idempotency section of thinmesh.yaml."""

from __future__ import annotations

from thinmesh_core.config import Section
from thinmesh_core.ranges import Count, Seconds, Store


class IdempotencyConfig(Section, frozen=True, kw_only=True):
    """How long an answer is kept for its key, and where: `memory`, or a Redis or Valkey that gateways share.

    In memory at most `max_bytes` are kept, and the answers used longest ago go first; a Redis has its own bound.
    """

    window_seconds: Seconds = 3600.0
    max_bytes: Count = 64 * 1024 * 1024
    store: Store = "memory"
