"""Asking the identity provider for its signing keys."""

from __future__ import annotations

import aiohttp
import msgspec

from thinmesh_core.config import ConfigError, convert
from thinmesh_gateway.oidc.config import Address, OidcConfig

SECONDS = 5.0
MAX_BYTES = 256 * 1024

WELL_KNOWN = "/.well-known/openid-configuration"


class _Discovered(msgspec.Struct):
    issuer: str
    jwks_uri: Address


async def fetch(config: OidcConfig) -> bytes:
    """The key set; OSError or ValueError, with the reason, where it can't be had. Redirects are not followed."""
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(SECONDS)) as session:
            return await _get(session, config.jwks or await _discover(session, config.issuer))
    except TimeoutError as error:
        raise OSError(f"the identity provider did not answer within {SECONDS:g} s") from error
    except aiohttp.ClientError as error:
        raise OSError(f"the identity provider can't be reached: {error}") from error


async def _discover(session: aiohttp.ClientSession, issuer: str) -> str:
    try:
        document = msgspec.json.decode(await _get(session, issuer.rstrip("/") + WELL_KNOWN))
        found = convert(document, _Discovered, source=WELL_KNOWN)
    except (msgspec.DecodeError, RecursionError, ConfigError) as error:
        raise ValueError(f"its discovery document makes no sense: {error}") from error
    if found.issuer != issuer:
        raise ValueError("its discovery document is another issuer's")
    return found.jwks_uri


async def _get(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise ValueError(f"{url} answered {response.status}")
        body = bytearray()
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > MAX_BYTES:
                raise ValueError(f"{url} answered more than {MAX_BYTES} bytes")
        return bytes(body)
