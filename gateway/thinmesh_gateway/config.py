"""The gateway's part of thinmesh.yaml."""

from __future__ import annotations

from pathlib import Path

from thinmesh_core.config import Section
from thinmesh_core.ranges import Seconds
from thinmesh_core.tenants import TenantConfig
from thinmesh_gateway.idempotency.config import IdempotencyConfig


class GatewayConfig(Section, frozen=True, kw_only=True):
    """Who may call, where the router is, and where the keys are. `call_seconds` is the longest a call may take."""

    tenants: dict[str, TenantConfig]
    router: str
    state: Path
    call_seconds: Seconds = 600.0
    idempotency: IdempotencyConfig = IdempotencyConfig()
