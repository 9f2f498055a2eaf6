"""The files section of thinmesh.yaml's jobs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from thinmesh_core.config import Section


class FilesConfig(Section, frozen=True, kw_only=True):
    """How large files may be, how many a tenant may have, and the longest that one is kept."""

    max_bytes: Annotated[int, Meta(ge=1024, le=1 << 30)] = 200 * 1024 * 1024
    max_files: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    keep_days: Annotated[int, Meta(ge=1, le=365)] = 30
