"""The door for workers: they call on behalf of who made a job, whose rights are looked at again at every step."""

from __future__ import annotations

import msgspec

from thinmesh_core.behalf import KEY, ROLES
from thinmesh_core.call import PRINCIPAL, STEP, TENANT, session
from thinmesh_gateway.audit.trail import Trail
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.identity.keyring import Keyring
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.wishes import Names, Sent


class OnBehalf:
    """Takes a worker's word for who made the job. It may stand only where nobody but workers can come.

    Whoever made it with a key may do now what its keys may now, and no more than when it made it; whoever made it with a
    token, which can't be asked about again, what it could then, where its roles still grant it.
    """

    def __init__(self, authenticator: Authenticator, keyring: Keyring) -> None:
        self._authenticator = authenticator
        self._keyring = keyring

    async def call(self, sent: Sent, names: Names, trail: Trail) -> AuthorizedCall:
        """The call of a job's owner; PERMISSION_DENIED where it may no longer do this."""
        tenant, name = sent(TENANT) or "", sent(PRINCIPAL) or ""
        roles = tuple((sent(ROLES) or "").split())
        if sent(KEY) != "false":
            held = self._keyring.roles(tenant, name)
            roles = tuple(role for role in roles if role in held)
        call = self._authenticator.admitted(Principal(name, tenant, roles), sent, names, trail)
        return msgspec.structs.replace(call, step=session(sent(STEP)))
