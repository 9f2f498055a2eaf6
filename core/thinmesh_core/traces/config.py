"""What thinmesh.yaml says of traces."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from thinmesh_core.config import Section


class TracesConfig(Section, frozen=True, kw_only=True):
    """Where spans are sent by OTLP over gRPC, and which share of the calls that come without a decision is traced."""

    otlp: Annotated[str, Meta(pattern=r"^https?://[^/@?#]+$")]
    sample: Annotated[float, Meta(ge=0, le=1)] = 0.01
