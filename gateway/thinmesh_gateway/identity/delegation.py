"""What one who is known may give to another: never more than it has, and by a key for no longer than that lasts. Pure."""

from __future__ import annotations

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.identity.principal import Key, Principal
from thinmesh_gateway.roles import Roles


def check_roles(roles: Roles, holder: Principal, given: tuple[str, ...]) -> None:
    """PERMISSION_DENIED where the given roles may do anything that the holder may not."""
    if not roles.cover(holder.roles, given):
        raise MeshError(Reason.PERMISSION_DENIED, "The roles of that key may do more than yours.", param="roles")


def check_end(holder: Principal, expires: float | None) -> None:
    """PERMISSION_DENIED where a key would outlive the one that makes it. A token's end says nothing of its holder's."""
    if holder.key is not None and holder.expires is not None and (expires is None or expires > holder.expires):
        raise MeshError(Reason.PERMISSION_DENIED, "That key would outlive yours.", param="expires_unix_seconds")


def check_keys(roles: Roles, holder: Principal, keys: list[Key], now: float) -> None:
    """PERMISSION_DENIED where any of a principal's active keys may do more: nobody acts in the name of who may."""
    for key in keys:
        if key.active(now):
            check_roles(roles, holder, key.roles)


def lasting(holder: Principal, expires: float | None) -> float | None:
    """The end of a key that is made; where none is asked for, as late as may be."""
    return holder.expires if expires is None and holder.key is not None else expires
