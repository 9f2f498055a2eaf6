"""Tokens at a whole gateway, on both surfaces."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import grpc
import pytest
from canaries import PROMPT
from gateway.conftest import Gateway, Serve
from gateway.oidc.provider import Provider, rsa_key
from thinmesh.gateway.v1 import key_service_pb2 as pb
from thinmesh.gateway.v1 import key_service_pb2_grpc as key_grpc

from thinmesh_core.channel import dial
from thinmesh_gateway.oidc.config import OidcConfig

CHAT = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}


@pytest.fixture
async def gateway(serve: Serve, config: OidcConfig) -> Gateway:
    gateway = await serve(oidc=config)
    async with asyncio.timeout(10):
        while gateway.app.notes():
            await asyncio.sleep(0.01)
    return gateway


async def chat(gateway: Gateway, bearer: str) -> int:
    async with (
        aiohttp.ClientSession(f"http://{gateway.http}", headers={"authorization": f"Bearer {bearer}"}) as session,
        session.post("/v1/chat/completions", json=CHAT) as response,
    ):
        return response.status


async def test_a_token_opens_what_its_roles_do_beside_keys(gateway: Gateway, provider: Provider) -> None:
    assert await chat(gateway, provider.token()) == 200
    assert await chat(gateway, gateway.keys["usual"]) == 200
    assert await chat(gateway, provider.token(roles=["auditor"])) == 403
    assert await chat(gateway, provider.token(roles=None)) == 403
    assert await chat(gateway, provider.token(tenant="nobody")) == 401
    assert await chat(gateway, provider.token(exp=int(time.time()) - 100)) == 401
    assert await chat(gateway, provider.token(headers={"kid": "other"})) == 401


async def test_a_token_is_a_principal_to_grpc_too(gateway: Gateway, provider: Provider) -> None:
    async with dial(gateway.grpc) as channel:
        stub = key_grpc.KeyServiceStub(channel)

        def bearer(token: str) -> tuple[tuple[str, str], ...]:
            return (("authorization", f"Bearer {token}"),)

        admin = provider.token(roles=["admin"])
        who = await stub.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(admin), timeout=10)
        assert (who.principal, who.tenant, who.HasField("key_id"), list(who.roles)) == ("alice", "usual", False, ["admin"])
        grouped = provider.token(roles=["helpdesk admin", "user", "F\N{LATIN SMALL LETTER U WITH DIAERESIS}hrung"])
        assert list((await stub.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(grouped), timeout=10)).roles) == ["user"]
        made = await stub.CreateKey(pb.CreateKeyRequest(), metadata=bearer(admin), timeout=10)
        assert not made.key.HasField("expires_unix_seconds")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(provider.token(key=rsa_key("mine"))), timeout=10)
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_without_its_provider_a_gateway_serves_keys_and_says_so(
    serve: Serve, provider: Provider, config: OidcConfig
) -> None:
    provider.answer = b"garbage"
    gateway = await serve(oidc=config)
    async with asyncio.timeout(10):
        while "no key set" not in str(gateway.app.notes()):
            await asyncio.sleep(0.01)
    assert gateway.app.problems() == []
    assert await chat(gateway, gateway.keys["usual"]) == 200
    assert await chat(gateway, provider.token()) == 503
