"""What tests of tokens share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest
from gateway.oidc.provider import AUDIENCE, Provider, serving

from thinmesh_gateway.oidc.config import OidcConfig
from thinmesh_gateway.oidc.fetch import fetch
from thinmesh_gateway.oidc.signers import Signers
from thinmesh_gateway.oidc.tokens import Tokens


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with serving() as provider:
        yield provider


@pytest.fixture
def config(provider: Provider) -> OidcConfig:
    return OidcConfig(issuer=provider.url, audience=AUDIENCE, algorithms=("RS256", "PS256", "ES256", "EdDSA"))


@pytest.fixture
async def tokens(config: OidcConfig) -> Tokens:
    """Tokens whose signing keys have been fetched once."""
    signers = Signers(partial(fetch, config), 3600)
    await signers.refresh()
    return Tokens(config, signers)
