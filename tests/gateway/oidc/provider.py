"""A fake identity provider: it signs tokens, and serves its keys over a real socket, well or badly."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "thinmesh"
ENCODERS: list[tuple[type, Any]] = [
    (rsa.RSAPrivateKey, RSAAlgorithm),
    (ec.EllipticCurvePrivateKey, ECAlgorithm),
    (ed25519.Ed25519PrivateKey, OKPAlgorithm),
]


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key, the same for the same name."""
    return rsa.generate_private_key(65537, bits)


def public(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """The key as a key set has it."""
    encode = next(encoder for kind, encoder in ENCODERS if isinstance(key, kind))
    return {**json.loads(encode.to_jwk(key.public_key())), "kid": kid, "use": "sig", **more}


def pem(key: Any) -> bytes:
    """The public key as a text, which a confused verifier would take for a shared secret."""
    data: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return data


class Provider:
    """`keys` is what it serves as its key set; `answer` goes before that; while `hold` is there and not set it waits."""

    def __init__(self) -> None:
        self.url = ""
        self.key: Any = rsa_key("first")
        self.keys = [public(self.key, "k1")]
        self.answer: bytes | int | None = None
        self.hold: asyncio.Event | None = None
        self.fetches = 0
        self.discovered: dict[str, Any] | None = None

    def token(self, *, key: Any = None, algorithm: str = "RS256", headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token that is good unless a claim says otherwise; None leaves a claim out."""
        usual = {
            "iss": self.url,
            "aud": AUDIENCE,
            "exp": int(time.time()) + 600,
            "sub": "alice",
            "tenant": "usual",
            "roles": ["user"],
        }
        said = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(said, self.key if key is None else key, algorithm, headers={"kid": "k1"} | (headers or {}))

    async def serve_keys(self, request: web.Request) -> web.Response:
        """GET /keys."""
        self.fetches += 1
        if self.hold is not None:
            await self.hold.wait()
        if isinstance(self.answer, int):
            return web.Response(status=self.answer, headers={"location": f"{self.url}/elsewhere"})
        return web.Response(body=json.dumps({"keys": self.keys}).encode() if self.answer is None else self.answer)

    async def serve_discovery(self, request: web.Request) -> web.Response:
        """GET the discovery document."""
        return web.json_response(self.discovered or {"issuer": self.url, "jwks_uri": f"{self.url}/keys"})


@asynccontextmanager
async def serving() -> AsyncIterator[Provider]:
    """A provider that is served."""
    provider = Provider()
    app = web.Application()
    app.router.add_get("/keys", provider.serve_keys)
    app.router.add_get("/elsewhere", provider.serve_keys)
    app.router.add_get("/.well-known/openid-configuration", provider.serve_discovery)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        if provider.hold is not None:
            provider.hold.set()
        await runner.cleanup()
