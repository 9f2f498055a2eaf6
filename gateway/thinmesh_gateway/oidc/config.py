"""The oidc section of thinmesh.yaml."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from thinmesh_core.config import Section

Algorithm: TypeAlias = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""What may be allowed: signatures alone. With a shared secret whoever can check tokens could make them."""

Address = Annotated[str, Meta(pattern=r"^(https://|http://(127\.0\.0\.1|localhost|\[::1\])[:/]).+$")]


class OidcConfig(Section, frozen=True, kw_only=True):
    """Whose tokens are taken beside keys, and which of their claims say who calls; `realm.roles` is a claim in a claim.

    `jwks` is where the signing keys are; without it the issuer's discovery document says so. While it can't be reached the
    keys known so far stay good for `max_stale_seconds`. Without `roles_claim` a token has its tenant's roles.
    """

    issuer: Address
    audience: str
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1)] = ("RS256", "ES256")
    jwks: Address | None = None
    tenant_claim: str = "tenant"
    principal_claim: str = "sub"
    roles_claim: str | None = "roles"
    max_stale_seconds: Annotated[float, Meta(ge=0)] = 86_400.0
