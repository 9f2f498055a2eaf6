"""Whether images are fetched."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from thinmesh_core.config import Section
from thinmesh_core.ranges import Seconds
from thinmesh_gateway.vetting.image import MAX_BYTES


class MediaConfig(Section, frozen=True, kw_only=True):
    """`fetch`: https:// images are fetched, from public addresses alone, each within `seconds` and `max_bytes`."""

    fetch: bool = False
    seconds: Seconds = 10.0
    max_bytes: Annotated[int, Meta(ge=1, le=MAX_BYTES)] = 1024 * 1024
