"""The gateway's part of thinmesh.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, field

from thinmesh_core.config import Section
from thinmesh_core.ranges import Pause, Seconds
from thinmesh_core.tenants import TenantConfig
from thinmesh_gateway.guardrails.config import GuardrailConfigs
from thinmesh_gateway.idempotency.config import IdempotencyConfig
from thinmesh_gateway.media.config import MediaConfig
from thinmesh_gateway.oidc.config import OidcConfig
from thinmesh_gateway.privacy.config import PrivacyConfig
from thinmesh_gateway.prompts.config import PromptsConfig
from thinmesh_gateway.roles import RoleConfig

DatabaseUrl = Annotated[str, Meta(pattern="^postgres(ql)?://.+")]


class Tenant(TenantConfig, frozen=True, kw_only=True):
    """A tenant's entry with what is the gateway's alone."""

    privacy: PrivacyConfig = PrivacyConfig()
    guardrails: GuardrailConfigs = ()
    prompts: PromptsConfig = PromptsConfig()


class LogConfig(Section, frozen=True, kw_only=True):
    """What is logged. `access`: a line of JSON for each call, on standard error."""

    access: bool = True


class GatewayConfig(Section, frozen=True, kw_only=True):
    """Who may call, where the router is, and where the keys are. `call_seconds` is the longest a call may take.

    `jobs` is where workers serve JobService; without any there are no jobs. `overflow` are the names of models whose
    calls become jobs where they are refused for load. `database` is a PostgreSQL; without one keys are in a file of the state
    folder. While it is gone known keys stay good for `keys_stale_seconds`.
    """

    tenants: dict[str, Tenant]
    router: str
    state: Path
    call_seconds: Seconds = 600.0
    database: DatabaseUrl | None = None
    keys_stale_seconds: Pause = 3600.0
    roles: dict[str, RoleConfig] = field(default_factory=dict)
    oidc: OidcConfig | None = None
    idempotency: IdempotencyConfig = IdempotencyConfig()
    media: MediaConfig = MediaConfig()
    jobs: str | None = None
    overflow: tuple[str, ...] = ()
    log: LogConfig = LogConfig()
