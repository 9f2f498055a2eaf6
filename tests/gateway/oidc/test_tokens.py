"""Fault 35: only a token that is signed, meant for here and in time says who calls."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from gateway.oidc.provider import Provider, pem, public, rsa_key
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_core.config import ConfigError, convert
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.oidc.config import OidcConfig
from thinmesh_gateway.oidc.signers import Signers
from thinmesh_gateway.oidc.tokens import REMEMBERED, Tokens

NOW = int(time.time())
LATER = NOW + 86_400
"""A day after these tests were read: they may run long after that."""


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(token: str, header: dict[str, Any], secret: bytes | None) -> str:
    """The token's claims under another header, signed with a shared secret or not at all."""
    signed = b64(json.dumps(header).encode()) + "." + token.split(".")[1]
    return f"{signed}.{'' if secret is None else b64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


async def test_a_good_token_says_who_calls(provider: Provider, tokens: Tokens) -> None:
    holder = await tokens.holder(provider.token(exp=LATER, roles=["auditor", "user"]))
    assert holder == Principal("alice", "usual", ("auditor", "user"), None, LATER)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "other"},
        {"aud": None},
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"exp": NOW - 61},
        {"exp": None},
        {"exp": "never"},
        {"nbf": LATER},
        {"sub": None},
        {"sub": "a b"},
        {"sub": "x" * 129},
        {"tenant": None},
        {"tenant": ["usual"]},
        {"pad": "x" * 9000},
    ],
    ids=str,
)
async def test_a_claim_that_is_wrong_or_missing_makes_it_worthless(
    provider: Provider, tokens: Tokens, claims: dict[str, Any]
) -> None:
    assert await tokens.holder(provider.token(**claims)) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"kid": "../../../../dev/null"},
        {"kid": "k1' or '1'='1"},
        {"kid": "k2"},
        {"kid": ""},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
    ],
    ids=str,
)
async def test_a_header_that_is_wrong_makes_it_worthless(provider: Provider, tokens: Tokens, headers: dict[str, Any]) -> None:
    assert await tokens.holder(provider.token(headers=headers)) is None


async def test_a_key_that_the_token_brings_or_points_at_is_not_taken(provider: Provider, tokens: Tokens) -> None:
    mine = rsa_key("mine")
    for headers in ({"jku": f"{provider.url}/elsewhere"}, {"x5u": f"{provider.url}/elsewhere"}, {"jwk": public(mine, "k1")}):
        fetches = provider.fetches
        assert await tokens.holder(provider.token(key=mine, headers=headers)) is None
        assert provider.fetches == fetches


async def test_no_signature_and_the_public_key_as_a_secret_are_refused(provider: Provider, tokens: Tokens) -> None:
    token = provider.token()
    for name in ("none", "None", "nOnE", ""):
        assert await tokens.holder(forged(token, {"alg": name, "kid": "k1"}, None)) is None
    for secret in (pem(provider.key), json.dumps(provider.keys[0]).encode()):
        assert await tokens.holder(forged(token, {"alg": "HS256", "typ": "JWT", "kid": "k1"}, secret)) is None
    assert await tokens.holder(forged(token, {"alg": "RS256", "kid": "k1"}, None)) is None
    assert await tokens.holder(token[:-4] + "AAAA") is None


async def test_only_allowed_algorithms_count_and_only_those_that_the_key_is_for(
    provider: Provider, config: OidcConfig, tokens: Tokens
) -> None:
    assert await tokens.holder(provider.token(algorithm="PS256")) is not None
    assert await tokens.holder(provider.token(algorithm="RS512")) is None
    provider.keys = [public(provider.key, "k1", alg="RS256")]
    await tokens.signers.refresh()
    assert await tokens.holder(provider.token(algorithm="PS256")) is None
    assert await tokens.holder(provider.token()) is not None


@pytest.mark.parametrize(
    ("key", "algorithm"), [(ec.generate_private_key(ec.SECP256R1()), "ES256"), (ed25519.Ed25519PrivateKey.generate(), "EdDSA")]
)
async def test_other_kinds_of_keys_sign_too(provider: Provider, tokens: Tokens, key: Any, algorithm: str) -> None:
    provider.keys = [public(key, "k1")]
    await tokens.signers.refresh()
    assert await tokens.holder(provider.token(key=key, algorithm=algorithm)) is not None
    assert await tokens.holder(provider.token()) is None  # that kid is another kind of key


@given(st.text() | st.from_regex(r"[A-Za-z0-9_.=-]{0,200}", fullmatch=True))
async def test_anything_may_be_sent(text: str) -> None:
    config = OidcConfig(issuer="https://i", audience="a")

    async def fetch() -> bytes:
        return json.dumps({"keys": [public(rsa_key("first"), "k1")]}).encode()

    signers = Signers(fetch, 60)
    await signers.refresh()
    assert await Tokens(config, signers).holder(text) is None


async def test_a_header_that_is_nested_deeply_is_refused(tokens: Tokens) -> None:
    assert await tokens.holder(b64(b"[" * 3000) + ".e30.AA") is None
    assert await tokens.holder(b64(b'{"alg":"RS256","kid":"k1","x":' + b"[" * 3000) + ".e30.AA") is None


async def test_a_token_is_verified_once_and_never_remembered_beyond_its_end(
    provider: Provider, config: OidcConfig, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = LATER - 10.0
    known = Tokens(config, tokens.signers, lambda: now)
    token = provider.token(exp=LATER)
    first = await known.holder(token)
    decoded: list[str] = []
    real = jwt.decode

    def counted(token: str, *args: Any, **kwargs: Any) -> Any:
        decoded.append(token)
        return real(token, *args, **kwargs)

    monkeypatch.setattr("jwt.decode", counted)
    assert await known.holder(token) is first
    assert decoded == []
    now = float(LATER)
    await known.holder(token)
    assert decoded == [token]
    assert not known._verified


async def test_tokens_that_begin_alike_are_other_tokens(provider: Provider, tokens: Tokens) -> None:
    """CVE-2026-35030 was a cache by a token's first characters."""
    told = [provider.token(sub=name) for name in ("alice", "mallory")]
    same = next(at for at, pair in enumerate(zip(*told, strict=False)) if pair[0] != pair[1])
    assert same > 100
    for _ in range(2):
        holders = [await tokens.holder(token) for token in told]
        assert [holder.name for holder in holders if holder is not None] == ["alice", "mallory"]
        assert await tokens.holder(told[0][:same]) is None
        assert await tokens.holder(told[0].rpartition(".")[0] + "." + told[1].rpartition(".")[2]) is None
    assert {len(digest) for digest in tokens._verified} == {32}


async def test_what_is_remembered_is_bounded_and_forgotten_with_its_key(provider: Provider, tokens: Tokens) -> None:
    holder = Principal("p", "usual", (), None, NOW + 600.0)
    tokens._version = tokens.signers.versions
    tokens._verified.update({str(number).encode(): holder for number in range(REMEMBERED)})
    token = provider.token()
    await tokens.holder(token)
    assert len(tokens._verified) == REMEMBERED
    provider.key = rsa_key("second")
    provider.keys = [public(provider.key, "k2")]
    await tokens.signers.refresh()
    assert await tokens.holder(token) is None


@pytest.mark.parametrize(
    ("claim", "roles"),
    [
        (["b", "a", "a", 7], ("a", "b")),
        ("b a", ("a", "b")),
        (None, ()),
        ({"a": 1}, ()),
        (7, ()),
    ],
)
async def test_roles_are_a_list_or_a_text(provider: Provider, tokens: Tokens, claim: Any, roles: tuple[str, ...]) -> None:
    holder = await tokens.holder(provider.token(roles=claim))
    assert holder is not None
    assert holder.roles == roles


async def test_claims_may_lie_in_others_and_roles_may_be_the_tenants(
    provider: Provider, config: OidcConfig, tokens: Tokens
) -> None:
    nested = msgspec.structs.replace(
        config, tenant_claim="org.id", principal_claim="https://a.b/name", roles_claim="realm.roles"
    )
    claims: dict[str, Any] = {"org": {"id": "usual"}, "https://a.b/name": "bob", "realm": {"roles": ["admin"]}, "tenant": None}
    holder = await Tokens(nested, tokens.signers).holder(provider.token(**claims))
    assert holder is not None
    assert (holder.name, holder.tenant, holder.roles) == ("bob", "usual", ("admin",))
    usual = Tokens(msgspec.structs.replace(config, roles_claim=None), tokens.signers)
    for roles in (("user",), ("auditor",)):
        usual.know({"usual": roles})
        holder = await usual.holder(provider.token(roles=["admin"]))
        assert holder is not None
        assert holder.roles == roles


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"algorithms": []},
        {"issuer": "http://idp.example"},
        {"jwks": "http://idp.example/keys"},
        {"jwks": "file:///etc/passwd"},
    ],
    ids=str,
)
def test_a_section_that_would_be_unsafe_is_refused(wrong: dict[str, Any]) -> None:
    good = {"issuer": "https://idp.example", "audience": "a"}
    convert(good, OidcConfig, source="oidc")
    with pytest.raises(ConfigError):
        convert(good | wrong if wrong else {}, OidcConfig, source="oidc")
