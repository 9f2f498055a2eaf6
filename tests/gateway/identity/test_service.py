"""KeyService over a real socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from gateway.conftest import Gateway, Serve
from google.protobuf.duration_pb2 import Duration
from thinmesh.gateway.v1 import key_service_pb2 as pb
from thinmesh.gateway.v1 import key_service_pb2_grpc as key_grpc

from thinmesh_core.channel import dial
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.status import from_rpc_error
from thinmesh_gateway.identity.key import id_of
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.roles import Action, RoleConfig

ROLES = {
    "narrow": RoleConfig(actions=(Action.INFER,), models=("mini*",)),
    "wide": RoleConfig(actions=(Action.INFER, Action.KEYS), models=("mini-1",)),
}
AHEAD = int(time.time()) + 3600


@pytest.fixture
def store(state: Path) -> KeyStore:
    return KeyStore(state)


@pytest.fixture
async def gateway(serve: Serve, store: KeyStore) -> Gateway:
    return await serve(roles=ROLES)


@pytest.fixture
async def stub(gateway: Gateway) -> AsyncIterator[Any]:
    async with dial(gateway.grpc) as channel:
        yield key_grpc.KeyServiceStub(channel)


def bearer(key: str) -> Any:
    return {"metadata": (("authorization", f"Bearer {key}"),), "timeout": 10}


async def known(stub: Any, key: str) -> Any:
    """Waits until the gateway knows the key."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await stub.WhoAmI(pb.WhoAmIRequest(), **bearer(key))
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.05)


async def refused(call: Any) -> Reason:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    error: MeshError = from_rpc_error(raised.value)
    return error.reason


async def test_a_key_is_made_used_rotated_and_revoked(stub: Any, store: KeyStore) -> None:
    admin = store.create("usual", 0, roles=("admin",))
    await known(stub, admin)
    made = await stub.CreateKey(pb.CreateKeyRequest(principal="alice", expires_unix_seconds=AHEAD), **bearer(admin))
    assert (made.key.id, made.key.principal, list(made.key.roles)) == (id_of(made.text), "alice", ["user"])
    who = await known(stub, made.text)
    assert (who.tenant, who.principal, who.key_id, who.expires_unix_seconds) == ("usual", "alice", made.key.id, AHEAD)
    assert {grant.action: list(grant.models) for grant in who.grants}["infer"] == ["*"]

    rotated = await stub.RotateKey(pb.RotateKeyRequest(id=made.key.id, overlap=Duration(seconds=60)), **bearer(admin))
    assert (await known(stub, rotated.text)).principal == "alice"
    listed = await stub.ListKeys(pb.ListKeysRequest(principal="alice"), **bearer(admin))
    ends = {key.id: key.expires_unix_seconds for key in listed.keys}  # of two that were made within a second any may be first
    assert ends.keys() == {made.key.id, rotated.key.id}
    assert ends[made.key.id] <= time.time() + 61

    gone = await stub.RevokeKey(pb.RevokeKeyRequest(id=rotated.key.id), **bearer(admin))
    assert gone.key.revoked_unix_seconds
    async with asyncio.timeout(5):  # fault 37
        while True:
            try:
                await stub.WhoAmI(pb.WhoAmIRequest(), **bearer(rotated.text))
                await asyncio.sleep(0.05)
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.UNAUTHENTICATED
                break


async def test_another_tenants_keys_are_not_there(stub: Any, store: KeyStore) -> None:
    admin, other = (store.create(tenant, 0, roles=("admin",)) for tenant in ("usual", "first"))
    await known(stub, admin)
    for key_id in (id_of(other), "0" * 12):
        assert await refused(stub.RevokeKey(pb.RevokeKeyRequest(id=key_id), **bearer(admin))) is Reason.NOT_FOUND
        assert await refused(stub.RotateKey(pb.RotateKeyRequest(id=key_id), **bearer(admin))) is Reason.NOT_FOUND
    listed = await stub.ListKeys(pb.ListKeysRequest(), **bearer(admin))
    assert id_of(other) not in {key.id for key in listed.keys}


async def test_a_child_never_exceeds_its_creator(stub: Any, store: KeyStore) -> None:
    owner = store.create("usual", 0, principal="o", roles=("wide",), expires=AHEAD)
    admin = store.create("usual", 0, principal="boss", roles=("admin",))
    await known(stub, owner)
    for request in (
        pb.CreateKeyRequest(),  # the tenant's default, `user`, may embed
        pb.CreateKeyRequest(roles=["narrow"]),  # mini* is more than mini-1
        pb.CreateKeyRequest(roles=["admin"]),
        pb.CreateKeyRequest(roles=["wide"], expires_unix_seconds=AHEAD + 1),
        pb.CreateKeyRequest(roles=["wide"], principal="boss"),
    ):
        assert await refused(stub.CreateKey(request, **bearer(owner))) is Reason.PERMISSION_DENIED
    for request in (
        pb.CreateKeyRequest(roles=["nope"]),
        pb.CreateKeyRequest(roles=["wide"], principal="a b"),
        pb.CreateKeyRequest(roles=["wide"], expires_unix_seconds=1),
    ):
        assert await refused(stub.CreateKey(request, **bearer(owner))) is Reason.INVALID_REQUEST
    child = await stub.CreateKey(pb.CreateKeyRequest(roles=["wide"]), **bearer(owner))
    assert child.key.expires_unix_seconds == AHEAD
    lasting = store.create("usual", 0, roles=("wide",))
    rotation = pb.RotateKeyRequest(id=id_of(lasting))
    assert await refused(stub.RotateKey(rotation, **bearer(owner))) is Reason.PERMISSION_DENIED
    boss = id_of(admin)
    assert await refused(stub.RotateKey(pb.RotateKeyRequest(id=boss), **bearer(owner))) is Reason.PERMISSION_DENIED
    assert await refused(stub.RevokeKey(pb.RevokeKeyRequest(id=boss), **bearer(owner))) is Reason.PERMISSION_DENIED


async def test_an_overlap_is_bounded(stub: Any, store: KeyStore) -> None:
    admin = store.create("usual", 0, roles=("admin",))
    await known(stub, admin)
    for seconds in (-1, 32 * 86_400):
        request = pb.RotateKeyRequest(id=id_of(admin), overlap=Duration(seconds=seconds))
        assert await refused(stub.RotateKey(request, **bearer(admin))) is Reason.INVALID_REQUEST


async def test_a_usual_key_may_ask_who_it_is_and_nothing_else_of_keys(stub: Any, gateway: Gateway) -> None:
    who = await stub.WhoAmI(pb.WhoAmIRequest(), **bearer(gateway.keys["usual"]))
    assert (who.tenant, who.principal, list(who.roles)) == ("usual", who.key_id, ["user"])
    for call in (
        stub.CreateKey(pb.CreateKeyRequest(), **bearer(gateway.keys["usual"])),
        stub.ListKeys(pb.ListKeysRequest(), **bearer(gateway.keys["usual"])),
        stub.RotateKey(pb.RotateKeyRequest(id=who.key_id), **bearer(gateway.keys["usual"])),
        stub.RevokeKey(pb.RevokeKeyRequest(id=who.key_id), **bearer(gateway.keys["usual"])),
    ):
        assert await refused(call) is Reason.PERMISSION_DENIED


async def test_without_the_database_calls_go_on_and_changes_are_refused(
    stub: Any, gateway: Gateway, store: KeyStore, state: Path
) -> None:
    admin = store.create("usual", 0, roles=("admin",))
    await known(stub, admin)
    (state / "keys.db").rename(state / "away.db")
    assert await refused(stub.CreateKey(pb.CreateKeyRequest(), **bearer(admin))) is Reason.IDENTITY_UNAVAILABLE
    async with asyncio.timeout(10):
        while not gateway.app.notes():
            await asyncio.sleep(0.05)
    assert "unable to open" in gateway.app.notes()[0]
    assert gateway.app.problems() == []
    assert (await stub.WhoAmI(pb.WhoAmIRequest(), **bearer(admin))).tenant == "usual"
    (state / "away.db").rename(state / "keys.db")
    async with asyncio.timeout(10):
        while gateway.app.notes():
            await asyncio.sleep(0.05)
    await stub.CreateKey(pb.CreateKeyRequest(), **bearer(admin))
