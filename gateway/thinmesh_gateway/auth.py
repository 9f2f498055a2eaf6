"""Who calls, and what it may: a key or a token, and its roles. Known ones are looked up in memory, and nothing else is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from thinmesh_core.call import AUTHORIZATION, TRACEPARENT, traceparent
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.priority import PRIORITIES, Priority
from thinmesh_core.tenants import TenantConfig
from thinmesh_gateway.audit.trail import Trail
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.identity.guesses import Guesses
from thinmesh_gateway.identity.key import PREFIX
from thinmesh_gateway.identity.keyring import Keyring
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.roles import Roles
from thinmesh_gateway.wishes import Names, Sent, heeded

if TYPE_CHECKING:
    from thinmesh_gateway.oidc.tokens import Tokens  # the extra `oidc`


UNKNOWN = "The key is not known; `thinmesh key create --tenant T` makes one. A token may be expired or another audience's."


class Authenticator:
    """Turns a key or a token into a call. Deny by default: without a tenant in thinmesh.yaml and a role for it, no call."""

    def __init__(
        self,
        keyring: Keyring,
        tenants: Mapping[str, TenantConfig],
        roles: Roles | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        self._keyring = keyring
        self._tokens = tokens
        self.guesses = Guesses()
        self.know(tenants, roles or Roles({}))

    def know(self, tenants: Mapping[str, TenantConfig], roles: Roles) -> None:
        """Puts other roles and tenants in force, each tenant with the best class that its calls may have."""
        self.roles = roles
        self._tenants = tenants
        self._best: dict[str, Priority] = {name: PRIORITIES[tenant.priority] for name, tenant in tenants.items()}
        if self._tokens is not None:
            self._tokens.know({name: tenant.roles for name, tenant in tenants.items()})

    def usual_roles(self, tenant: str) -> tuple[str, ...]:
        """The roles of whoever is given none."""
        known = self._tenants.get(tenant)
        return () if known is None else known.roles

    async def call(self, sent: Sent, names: Names, trail: Trail) -> AuthorizedCall:
        """The call of whoever holds what was sent; INVALID_KEY where nobody does, PERMISSION_DENIED without the action.

        It waits only where a token is signed with a key that is not known yet. Of what strangers send beside, the trace
        context and the wishes alone are taken.
        """
        scheme, _, text = (sent(AUTHORIZATION) or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise MeshError(Reason.INVALID_KEY, "Send a key: `Authorization: Bearer tm_live_...`.")
        text = text.strip()
        if self._tokens is None or text.startswith(PREFIX):
            holder = self._keyring.holder(text)
        else:
            holder = self._granted(await self._tokens.holder(text))
        if holder is None:
            raise MeshError(Reason.INVALID_KEY, UNKNOWN)
        return self.admitted(holder, sent, names, trail)

    def _granted(self, holder: Principal | None) -> Principal | None:
        """With those of its roles that there are: a provider may send any number of groups, called anything."""
        return holder and replace(holder, roles=tuple(role for role in holder.roles if role in self.roles))

    def admitted(self, holder: Principal, sent: Sent, names: Names, trail: Trail) -> AuthorizedCall:
        """The call of a principal that is known; INVALID_KEY where its tenant is not, PERMISSION_DENIED without the action."""
        best = self._best.get(holder.tenant)
        if best is None:
            raise MeshError(Reason.INVALID_KEY, UNKNOWN)
        trail.holder, action = holder, trail.action
        models = None if action is None else self.roles.granted(holder.roles).get(action)
        if models is None:
            raise MeshError(Reason.PERMISSION_DENIED, f"This key may not do this: none of its roles has {action or 'it'}.")
        call = AuthorizedCall(
            trail.request_id,
            holder.tenant,
            holder.name,
            trail.traced(traceparent(sent(TRACEPARENT))),
            priority=best,
            holder=holder,
            models=models,
            trail=trail,
        )
        return heeded(call, sent, names)
