"""KeyService: principals look after the keys of their own tenant."""

from __future__ import annotations

import asyncio
import time

from google.protobuf.duration_pb2 import Duration
from thinmesh.gateway.v1 import key_service_pb2 as pb
from thinmesh.gateway.v1 import key_service_pb2_grpc as key_grpc

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.identity.delegation import check_end, check_keys, check_roles, lasting
from thinmesh_gateway.identity.key import id_of
from thinmesh_gateway.identity.principal import Key, is_name
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.reception import Context, Reception

OVERLAP_SECONDS = 86_400.0
"""How long a key holds yet that was rotated, where nothing else is asked for."""

LONGEST_OVERLAP_SECONDS = 31 * 86_400.0


class KeyService(key_grpc.KeyServiceServicer):
    """Works on the database in threads: nothing here is on the way of a call."""

    def __init__(self, reception: Reception, store: KeyStore, authenticator: Authenticator) -> None:
        self._reception = reception
        self._store = store
        self._authenticator = authenticator

    async def CreateKey(self, request: pb.CreateKeyRequest, context: Context) -> pb.CreateKeyResponse:
        """A new key."""
        with self._reception.admit(context) as call:
            text, key = await self._created(request, call, time.time())
            call.trail.object = key.id
            return pb.CreateKeyResponse(text=text, key=_told(key))

    async def _created(self, request: pb.CreateKeyRequest, call: AuthorizedCall, now: float) -> tuple[str, Key]:
        roles = self._roles(call, tuple(request.roles))
        principal = request.principal if request.HasField("principal") else None
        if principal is not None and not is_name(principal):
            raise invalid("principal", "principal must be 1 to 128 visible ASCII characters.")
        expires = lasting(call.holder, request.expires_unix_seconds if request.HasField("expires_unix_seconds") else None)
        if expires is not None and expires <= now:
            raise invalid("expires_unix_seconds", "expires_unix_seconds must lie ahead.")
        check_end(call.holder, expires)

        def create() -> tuple[str, Key]:
            if principal is not None:
                check_keys(self._authenticator.roles, call.holder, self._store.all(call.tenant, principal), now)
            text = self._store.create(call.tenant, now, principal=principal, roles=roles, expires=expires)
            return text, self._store.get(id_of(text))

        return await asyncio.to_thread(create)

    async def ListKeys(self, request: pb.ListKeysRequest, context: Context) -> pb.ListKeysResponse:
        """The tenant's keys."""
        principal = request.principal if request.HasField("principal") else None
        with self._reception.admit(context) as call:
            keys = await asyncio.to_thread(self._store.all, call.tenant, principal)
            return pb.ListKeysResponse(keys=map(_told, keys))

    async def RotateKey(self, request: pb.RotateKeyRequest, context: Context) -> pb.RotateKeyResponse:
        """Another key in the place of one."""
        now = time.time()
        with self._reception.admit(context) as call:
            overlap = _overlap(request.overlap) if request.HasField("overlap") else OVERLAP_SECONDS

            def rotate() -> tuple[str, Key]:
                check_end(call.holder, self._own(call, request.id).expires)
                text = self._store.rotate(request.id, now, overlap=overlap)
                return text, self._store.get(id_of(text))

            text, key = await asyncio.to_thread(rotate)
            call.trail.object += f" {key.id}"
            return pb.RotateKeyResponse(text=text, key=_told(key))

    async def RevokeKey(self, request: pb.RevokeKeyRequest, context: Context) -> pb.RevokeKeyResponse:
        """The end of a key."""
        now = time.time()
        with self._reception.admit(context) as call:

            def revoke() -> Key:
                self._own(call, request.id)
                return self._store.revoke(request.id, now)

            return pb.RevokeKeyResponse(key=_told(await asyncio.to_thread(revoke)))

    async def WhoAmI(self, request: pb.WhoAmIRequest, context: Context) -> pb.WhoAmIResponse:
        """The caller."""
        with self._reception.admit(context) as call:
            holder = call.holder
            granted = self._authenticator.roles.granted(holder.roles)
            return pb.WhoAmIResponse(
                tenant=holder.tenant,
                principal=holder.name,
                key_id=holder.key,
                roles=holder.roles,
                grants=[pb.Grant(action=action, models=models.patterns) for action, models in sorted(granted.items())],
                expires_unix_seconds=None if holder.expires is None else int(holder.expires),
            )

    def _roles(self, call: AuthorizedCall, asked: tuple[str, ...]) -> tuple[str, ...]:
        roles = tuple(dict.fromkeys(asked)) or self._authenticator.usual_roles(call.tenant)
        for role in roles:
            if role not in self._authenticator.roles:
                raise invalid("roles", f"There is no role {role!r}.")
        check_roles(self._authenticator.roles, call.holder, roles)
        return roles

    def _own(self, call: AuthorizedCall, key_id: str) -> Key:
        """A key of the caller's tenant; NOT_FOUND where it is another's, as if there were none."""
        key = self._store.get(key_id)
        if key.tenant != call.tenant:
            raise MeshError(Reason.NOT_FOUND, f"There is no key {key_id}.", param="id")
        call.trail.object = key.id
        check_roles(self._authenticator.roles, call.holder, key.roles)
        return key


def _overlap(asked: Duration) -> float:
    seconds = asked.ToMilliseconds() / 1000
    if not 0 <= seconds <= LONGEST_OVERLAP_SECONDS:
        raise invalid("overlap", "overlap must be 0 to 31 days.")
    return seconds


def _told(key: Key) -> pb.Key:
    return pb.Key(
        id=key.id,
        principal=key.principal,
        roles=key.roles,
        created_unix_seconds=key.created,
        expires_unix_seconds=key.expires,
        last_used_unix_seconds=key.last_used,
        revoked_unix_seconds=key.revoked,
    )
