"""Whom workers may call by HTTP."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from thinmesh_core.config import Section
from thinmesh_pipelines.outgoing.allowed import Allowed


class OutgoingConfig(Section, frozen=True, kw_only=True):
    """`allow` has the hosts, addresses and networks that may be called though they are private, also without TLS.

    An answer has at most `max_bytes`.
    """

    allow: tuple[str, ...] = ()
    max_bytes: Annotated[int, Meta(ge=1, le=64 * 1024 * 1024)] = 4 * 1024 * 1024

    def __post_init__(self) -> None:
        """ValueError, which the reader of the file tells with its key, where an entry is neither host nor network."""
        Allowed.of(self.allow)
