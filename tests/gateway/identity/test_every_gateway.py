"""Fault 37: what a key is worth changes at every gateway within 5 seconds, whichever of them is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
from canaries import PHRASE
from gateway.conftest import Gateway, Serve

from thinmesh_gateway.identity.key import id_of
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.roles import RoleConfig

SECONDS = 5.0
ROLES = {"narrow": RoleConfig(actions=())}


async def told(gateway: Gateway, key: str) -> int:
    """The status of a completion under a key."""
    headers = {"authorization": f"Bearer {key}"}
    body = {"model": "m", "prompt": PHRASE}
    async with (
        aiohttp.ClientSession(f"http://{gateway.http}", headers=headers) as session,
        session.post("/v1/completions", json=body) as response,
    ):
        return response.status


async def until(gateways: list[Gateway], key: str, status: int) -> None:
    """Waits until all of them answer so, for as long as it may take."""
    async with asyncio.timeout(SECONDS):
        while {await told(one, key) for one in gateways} != {status}:
            await asyncio.sleep(0.05)


async def test_a_revoked_key_opens_no_gateway(serve: Serve, state: Path) -> None:
    gateways = [await serve() for _ in range(3)]
    store = KeyStore(state)
    key = store.create("usual", 0)
    await until(gateways, key, 200)
    store.revoke(id_of(key), 1)
    await until(gateways, key, 401)


async def test_another_role_counts_at_every_gateway(serve: Serve, state: Path) -> None:
    gateways = [await serve(roles=ROLES) for _ in range(3)]
    store = KeyStore(state)
    key = store.create("usual", 0, principal="p")
    await until(gateways, key, 200)
    narrow = store.create("usual", 0, principal="p", roles=("narrow",))
    store.revoke(id_of(key), 1)
    await until(gateways, narrow, 403)
    await until(gateways, key, 401)
