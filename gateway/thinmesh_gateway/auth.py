"""Who calls, and what it may: a key looked up in memory, and its roles; the database is never read for a call."""

from __future__ import annotations

from collections.abc import Mapping

from thinmesh_core.call import AUTHORIZATION, TRACEPARENT, traceparent
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.priority import PRIORITIES, Priority
from thinmesh_core.tenants import TenantConfig
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.identity.keyring import Keyring
from thinmesh_gateway.roles import Action, Roles
from thinmesh_gateway.wishes import Names, Sent, heeded


class Authenticator:
    """Turns a key into a call. Deny by default: no key, no tenant in thinmesh.yaml, no role for the action, no call."""

    def __init__(self, keyring: Keyring, tenants: Mapping[str, TenantConfig], roles: Roles | None = None) -> None:
        self._keyring = keyring
        self.know(tenants, roles or Roles({}))

    def know(self, tenants: Mapping[str, TenantConfig], roles: Roles) -> None:
        """Puts other roles and tenants in force, each tenant with the best class that its calls may have."""
        self.roles = roles
        self._tenants = tenants
        self._best: dict[str, Priority] = {name: PRIORITIES[tenant.priority] for name, tenant in tenants.items()}

    def usual_roles(self, tenant: str) -> tuple[str, ...]:
        """The roles of whoever is given none."""
        known = self._tenants.get(tenant)
        return () if known is None else known.roles

    def call(self, sent: Sent, names: Names, request_id: str, action: Action | None) -> AuthorizedCall:
        """The call of whoever holds the key that was sent; INVALID_KEY without one, PERMISSION_DENIED without the action.

        Of what strangers send beside the key only the trace context and the wishes are taken.
        """
        scheme, _, key = (sent(AUTHORIZATION) or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise MeshError(Reason.INVALID_KEY, "Send a key: `Authorization: Bearer tm_live_...`.")
        holder = self._keyring.holder(key.strip())
        best = None if holder is None else self._best.get(holder.tenant)
        if holder is None or best is None:
            raise MeshError(Reason.INVALID_KEY, "The key is not known; `thinmesh key create --tenant T` makes one.")
        models = None if action is None else self.roles.granted(holder.roles).get(action)
        if models is None:
            raise MeshError(Reason.PERMISSION_DENIED, f"This key may not do this: none of its roles has {action or 'it'}.")
        trace = traceparent(sent(TRACEPARENT))
        call = AuthorizedCall(request_id, holder.tenant, holder.name, trace, priority=best, holder=holder, models=models)
        return heeded(call, sent, names)
