"""On whose behalf a call is made beyond its tenant and principal: metadata between the gateway and the workers of jobs."""

from __future__ import annotations

from collections.abc import Iterable

from thinmesh_core.call import Metadata

ROLES = "thinmesh-roles"
KEY = "thinmesh-key-holder"


def behalf(roles: Iterable[str], *, key: bool) -> Metadata:
    """What says which roles the principal had, and whether they came with a key of its own or with a token."""
    return (ROLES, " ".join(roles)), (KEY, "true" if key else "false")


def owner_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> tuple[tuple[str, ...], bool]:
    """The roles, and whether they came with a key, as a trusted peer sent them; none where it sent nothing."""
    sent = dict(metadata or ())
    return tuple(str(sent.get(ROLES, "")).split()), sent.get(KEY) != "false"
