"""Tokens of an identity provider: JWTs, as OpenID Connect issues them."""
