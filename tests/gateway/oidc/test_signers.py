"""Fault 26: signing keys that are rotated, slow, garbage or gone; and nobody makes the mesh hammer the provider."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from gateway.oidc.provider import Provider, public, rsa_key
from jwt.algorithms import RSAAlgorithm

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.oidc import signers as module
from thinmesh_gateway.oidc.config import OidcConfig
from thinmesh_gateway.oidc.fetch import MAX_BYTES, fetch
from thinmesh_gateway.oidc.jwks import parse
from thinmesh_gateway.oidc.signers import Signers
from thinmesh_gateway.oidc.tokens import Tokens


def key_set(*kids: str) -> bytes:
    return json.dumps({"keys": [public(rsa_key("first"), kid) for kid in kids]}).encode()


class Scripted:
    """What is fetched, as a test says."""

    def __init__(self) -> None:
        self.document: bytes | Exception = key_set("k1")
        self.fetches = 0
        self.fetched = asyncio.Condition()

    async def __call__(self) -> bytes:
        async with self.fetched:
            self.fetches += 1
            self.fetched.notify_all()
        await asyncio.sleep(0)
        if isinstance(self.document, Exception):
            raise self.document
        return self.document

    async def until(self, fetches: int) -> None:
        async with asyncio.timeout(10), self.fetched:
            await self.fetched.wait_for(lambda: self.fetches >= fetches)


@asynccontextmanager
async def followed(signers: Signers) -> Any:
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(signers.follow())
        yield
        following.cancel()


async def listening(signers: Signers) -> None:
    async with asyncio.timeout(10):
        while not signers._listening:
            await asyncio.sleep(0)


async def test_a_rotated_key_is_fetched_when_the_first_token_names_it_and_once_for_all_that_do() -> None:
    source = Scripted()
    signers = Signers(source, 60, pause_seconds=0)
    async with followed(signers):
        await listening(signers)
        source.document = key_set("k2")
        found = await asyncio.gather(*(signers.signer("k2") for _ in range(100)))
        assert all(found)
        assert source.fetches == 2
        assert await signers.signer("k1") is None


async def test_a_thousand_unknown_keys_right_after_a_fetch_cost_no_fetch() -> None:
    source = Scripted()
    signers = Signers(source, 60, pause_seconds=3600)
    async with followed(signers):
        await source.until(1)
        await asyncio.sleep(0.01)
        assert not any([await signers.signer(f"k{number}x") for number in range(1000)])
        assert source.fetches == 1


async def test_unknown_keys_without_end_cost_one_fetch_a_pause() -> None:
    assert module.PAUSE_SECONDS == 30
    times: list[float] = []
    source = Scripted()

    async def fetch() -> bytes:
        times.append(asyncio.get_running_loop().time())
        return await source()

    signers = Signers(fetch, 60, pause_seconds=0.02)
    async with followed(signers), asyncio.timeout(10):
        await listening(signers)
        while len(times) < 5:
            await asyncio.gather(*(signers.signer(f"x{number}") for number in range(100)))
            await asyncio.sleep(0)
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.019


async def test_while_the_provider_is_gone_known_keys_stay_good_for_a_bounded_time() -> None:
    now = 0.0
    source = Scripted()
    signers = Signers(source, 60, now=lambda: now)
    with pytest.raises(MeshError):
        await signers.signer("k1")
    await signers.refresh()
    for wrong in (OSError("gone"), b"garbage", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "RSA"}]}', b"[" * 5000):
        source.document = wrong
        await signers.refresh()
        assert signers.trouble is not None
        assert await signers.signer("k1") is not None
    now = 61.0
    with pytest.raises(MeshError) as raised:
        await signers.signer("k1")
    assert raised.value.reason is Reason.IDENTITY_UNAVAILABLE
    source.document = key_set("k1")
    await signers.refresh()
    assert await signers.signer("k1") is not None


async def test_a_slow_provider_holds_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.01)
    go = asyncio.Event()
    fetches = 0

    async def slow() -> bytes:
        nonlocal fetches
        fetches += 1
        if fetches > 1:
            await go.wait()
        return key_set("k1", "k2") if fetches > 1 else key_set("k1")

    signers = Signers(slow, 60, pause_seconds=0)
    async with followed(signers):
        await listening(signers)
        for _ in range(3):
            with pytest.raises(MeshError) as raised:
                await signers.signer("k2")
            assert raised.value.reason is Reason.IDENTITY_UNAVAILABLE
        assert await signers.signer("k1") is not None
        assert fetches == 2
        go.set()
        await listening(signers)
        async with asyncio.timeout(10):
            while "k2" not in signers._known:
                await asyncio.sleep(0)


@pytest.mark.parametrize(
    "unfit",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k"},
        {**public(rsa_key("first"), "k"), "use": "enc"},
        {**public(rsa_key("weak", 1024), "k")},
        {**public(rsa_key("first"), "k"), "n": 7},
        {**json.loads(RSAAlgorithm.to_jwk(rsa_key("first"))), "kid": "k", "use": "sig"},
        {**public(rsa_key("first"), "k"), "kid": 7},
        {"kty": "new", "kid": "k"},
        {},
    ],
    ids=str,
)
def test_a_key_that_is_secret_weak_or_for_something_else_is_passed_over(unfit: dict[str, Any]) -> None:
    assert set(parse(json.dumps({"keys": [unfit, public(rsa_key("first"), "good")]}).encode())) == {"good"}


@pytest.mark.parametrize("answer", [404, 302, 500, b"x" * (MAX_BYTES + 1)], ids=lambda answer: str(answer)[:8])
async def test_what_is_no_key_set_is_not_followed_or_read_on(
    provider: Provider, config: OidcConfig, tokens: Tokens, answer: bytes | int
) -> None:
    provider.answer = answer
    with pytest.raises(ValueError, match="answered"):
        await fetch(config)
    await tokens.signers.refresh()
    assert await tokens.holder(provider.token()) is not None


@pytest.mark.parametrize(
    "document",
    [{"issuer": "https://other", "jwks_uri": "https://other/keys"}, {"issuer": 7}, {"jwks_uri": "file:///x"}],
    ids=str,
)
async def test_a_discovery_document_that_is_not_the_issuers_is_refused(
    provider: Provider, config: OidcConfig, document: dict[str, Any]
) -> None:
    provider.discovered = document
    with pytest.raises(ValueError, match="discovery document"):
        await fetch(config)


async def test_a_provider_that_is_not_there_is_told(provider: Provider, config: OidcConfig) -> None:
    with pytest.raises(OSError, match="can't be reached"):
        await fetch(msgspec.structs.replace(config, jwks="http://127.0.0.1:1/keys"))
