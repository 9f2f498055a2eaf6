"""Whose token it is: verified once, and known by its digest until it expires."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import jwt

from thinmesh_gateway.identity.principal import Principal, is_name
from thinmesh_gateway.oidc.config import OidcConfig
from thinmesh_gateway.oidc.signers import Signers

LEEWAY_SECONDS = 60.0
"""What clocks may differ by."""

LONGEST = 8192
"""A token longer than this is none."""

REMEMBERED = 10_000

LATEST = float(1 << 53)
"""Seconds since 1970 that are still exact; what a token says beyond is as good as for ever."""

WRONG = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)
"""How the library and what it stands on say that a token is none."""


class Tokens:
    """Verified tokens. What a token says of how to check it is not followed: neither `jku` nor a key that it brings along.

    `unix` is seconds since 1970.
    """

    def __init__(self, config: OidcConfig, signers: Signers, unix: Callable[[], float] = time.time) -> None:
        self.signers = signers
        self._config = config
        self._unix = unix
        self._usual: Mapping[str, tuple[str, ...]] = {}
        self._verified: OrderedDict[bytes, Principal] = OrderedDict()
        self._version = 0

    def know(self, usual: Mapping[str, tuple[str, ...]]) -> None:
        """Puts other roles of tenants in force, for tokens that name none."""
        self._usual = usual
        self._verified.clear()

    async def holder(self, token: str) -> Principal | None:
        """Who holds the token; none where it is not good. IDENTITY_UNAVAILABLE where that can't be known now."""
        if self._version != self.signers.versions:
            self._version = self.signers.versions
            self._verified.clear()
        digest = sha256(token.encode(errors="replace")).digest()
        holder = self._verified.get(digest)
        if holder is not None and holder.expires is not None and self._unix() < holder.expires:
            return holder
        self._verified.pop(digest, None)
        holder = await self._verify(token)
        if holder is not None and holder.expires is not None and self._unix() < holder.expires:
            self._verified[digest] = holder
            if len(self._verified) > REMEMBERED:
                self._verified.popitem(last=False)
        return holder

    async def _verify(self, token: str) -> Principal | None:
        if len(token) > LONGEST:
            return None
        try:
            header = jwt.get_unverified_header(token)
            kid, algorithm = header.get("kid"), header.get("alg")
            if not isinstance(kid, str) or algorithm not in self._config.algorithms:
                return None
            signer = await self.signers.signer(kid)
            if signer is None or signer.algorithm not in {None, algorithm}:
                return None
            claims = jwt.decode(
                token,
                signer.key,
                algorithms=[algorithm],
                audience=self._config.audience,
                issuer=self._config.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
            return self._principal(claims)
        except WRONG:
            return None

    def _principal(self, claims: dict[str, Any]) -> Principal | None:
        config = self._config
        tenant, name = _claim(claims, config.tenant_claim), _claim(claims, config.principal_claim)
        if not isinstance(tenant, str) or not isinstance(name, str) or not is_name(name):
            return None
        roles = self._usual.get(tenant, ()) if config.roles_claim is None else _roles(_claim(claims, config.roles_claim))
        return Principal(name, tenant, roles, None, min(float(claims["exp"]), LATEST))


def _claim(claims: dict[str, Any], path: str) -> Any:
    """A claim by its name, which may have dots in it, or by its path through others."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _roles(claimed: Any) -> tuple[str, ...]:
    """Names in a list, or in a text with spaces between them; anything else is none."""
    names = claimed.split() if isinstance(claimed, str) else claimed if isinstance(claimed, list) else []
    return tuple(sorted({name for name in names if isinstance(name, str)}))
