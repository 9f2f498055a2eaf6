"""Who calls: a bearer key looked up in memory; the database is read beside the calls, never for one."""

from __future__ import annotations

from collections.abc import Mapping

from thinmesh_core.call import AUTHORIZATION, TRACEPARENT, Call, traceparent
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.priority import PRIORITIES, Priority
from thinmesh_core.tenants import TenantConfig
from thinmesh_gateway.identity.keyring import Keyring
from thinmesh_gateway.wishes import Names, Sent, heeded


class Authenticator:
    """Turns a key into a Call. Deny unless known: no key, no tenant in thinmesh.yaml, no call."""

    def __init__(self, keyring: Keyring, tenants: Mapping[str, TenantConfig]) -> None:
        self._keyring = keyring
        self._best: dict[str, Priority] = {}
        self.know(tenants)

    def know(self, tenants: Mapping[str, TenantConfig]) -> None:
        """Puts other tenants in force, each with the best class that its calls may have."""
        self._best = {name: PRIORITIES[tenant.priority] for name, tenant in tenants.items()}

    def call(self, sent: Sent, names: Names, request_id: str) -> Call:
        """The call of whoever holds the key that was sent; INVALID_KEY without one that is known.

        Of what strangers send beside the key only the trace context and the wishes are taken.
        """
        scheme, _, key = (sent(AUTHORIZATION) or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise MeshError(Reason.INVALID_KEY, "Send a key: `Authorization: Bearer tm_live_...`.")
        principal = self._keyring.holder(key.strip())
        best = None if principal is None else self._best.get(principal.tenant)
        if principal is None or best is None:
            raise MeshError(Reason.INVALID_KEY, "The key is not known; `thinmesh key create --tenant T` makes one.")
        call = Call(request_id, principal.tenant, principal.name, traceparent(sent(TRACEPARENT)), priority=best)
        return heeded(call, sent, names)
