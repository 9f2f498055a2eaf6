"""A tenant's entry in thinmesh.yaml: the gateway reads who may call and how urgently, the router how much."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from thinmesh_core.config import Section
from thinmesh_core.ranges import Count, Money, Weight


class QuotaConfig(Section, frozen=True, kw_only=True):
    """The most that may be used of each; what is not set is not limited. Money is in the price table's currency."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    tokens_per_day: Count | None = None
    concurrent_calls: Count | None = None
    input_tokens: Count | None = None
    spend_per_month: Money | None = None


class TenantConfig(Section, frozen=True, kw_only=True):
    """A tenant: the class that its calls have at best, its weight beside tenants of that class, and its quotas.

    `roles` are those of a key that is made without any, and of a token where tokens name none.
    `quota` is for all its calls together, `models` for those to one model, `keys` for those by any one key.
    """

    description: str = ""
    priority: Literal["critical", "standard", "batch"] = "standard"
    weight: Weight = 1.0
    quota: QuotaConfig = QuotaConfig()
    roles: tuple[str, ...] = ("user",)
    models: dict[str, QuotaConfig] = field(default_factory=dict)
    keys: QuotaConfig = QuotaConfig()
