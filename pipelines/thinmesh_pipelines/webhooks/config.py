"""Where a tenant wants to be told, in thinmesh.yaml."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from thinmesh_core.config import Section
from thinmesh_pipelines.webhooks.event import EventType


class WebhookConfig(Section, frozen=True, kw_only=True):
    """`secret_env` names the environment variable with what events are signed with; without `events` all are told."""

    url: Annotated[str, Meta(pattern="^https?://", max_length=2048)]
    secret_env: Annotated[str, Meta(min_length=1)]
    events: tuple[EventType, ...] = ()
