"""A tenant's log of prompts in thinmesh.yaml."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from thinmesh_core.config import Section


class PromptsConfig(Section, frozen=True, kw_only=True):
    """`log`: calls leave a line in prompts.jsonl. Of a call's prompts, and of its answer, so many characters are kept."""

    log: bool = False
    max_characters: Annotated[int, Meta(ge=1, le=1_000_000)] = 16_384
