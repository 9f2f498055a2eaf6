"""A policy that this build can't serve refuses the start and the reload, and is told by its key and with its fix."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import thinmesh_gateway.app
import thinmesh_router.app
from thinmesh_core.address import parse
from thinmesh_core.config import ConfigError
from thinmesh_core.exposure import TlsConfig, exposed
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.tenants import QuotaConfig
from thinmesh_deploy.config import MeshConfig, Setting, read
from thinmesh_deploy.reload import FIXED
from thinmesh_gateway.app import GatewayApp
from thinmesh_gateway.config import Tenant
from thinmesh_gateway.guardrails.config import GuardrailConfig
from thinmesh_gateway.idempotency.config import IdempotencyConfig
from thinmesh_gateway.media.config import MediaConfig
from thinmesh_gateway.oidc.config import OidcConfig
from thinmesh_gateway.privacy.config import PatternConfig, PrivacyConfig
from thinmesh_gateway.prompts.config import PromptsConfig
from thinmesh_gateway.roles import RoleConfig

OIDC = {"issuer": "https://issuer.example", "audience": "mesh"}
TLS = {"authority": "ca.pem", "certificate": "{role}.pem", "key": "{role}.key"}
WORDS = {"name": "denied_words", "when": ["before"], "settings": {"patterns": ["a"]}}


@dataclass(frozen=True)
class Refused:
    """A value that can't be served, where it stands, and what is told; `without` is the module of an extra that is not there."""

    key: str
    value: Any
    told: str
    without: str | None = None
    ours: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.key}-{self.without or self.value}"[:60]


REFUSED = [
    Refused("tenants.dev.privacy.default", "hide", r"`\$\.tenants\.dev\.privacy\.default`"),
    Refused("tenants.dev.privacy.entities", {"birthday": "mask"}, r"'birthday'.*`key` in `\$\.tenants\.dev\.privacy\.entities`"),
    Refused("tenants.dev.privacy.entities", {"name": "mask"}, r"tenants\.dev\.privacy\.entities\.name: install the extra `names`", without="kiwipiepy"),
    Refused("tenants.dev.privacy.patterns", {"own": {"pattern": "(?=a)"}}, r"tenants\.dev\.privacy\.patterns\.own is no pattern"),
    Refused("tenants.dev.privacy.patterns", {"own": {"pattern": "a", "policy": "hash"}}, r"patterns\.own\.policy`"),
    Refused("tenants.dev.privacy.patterns", {"phone": {"pattern": "a"}}, r"patterns\.phone is the name of an entity: choose another"),
    Refused("tenants.dev.privacy.answers", "sometimes", r"privacy\.answers`"),
    Refused("tenants.dev.privacy.names", True, "unknown field `names`"),
    Refused("tenants.dev.guardrails", [{"name": "toxicity", "when": ["before"]}], r"tenants\.dev\.guardrails\[0\]\.name: there is no guardrail 'toxicity'; there are"),
    Refused("tenants.dev.guardrails", [WORDS, WORDS | {"when": ["during"]}], r"guardrails\[1\]\.when"),
    Refused("tenants.dev.guardrails", [WORDS | {"when_failing": "wait"}], r"guardrails\[0\]\.when_failing`"),
    Refused("tenants.dev.guardrails", [WORDS | {"seconds": 0}], r"guardrails\[0\]\.seconds`"),
    Refused("tenants.dev.guardrails", [WORDS | {"settings": {"patterns": ["("]}}], r"tenants\.dev\.guardrails\[0\]\.settings: patterns\[0\]"),
    Refused("tenants.dev.guardrails", [WORDS | {"settings": {"words": ["a"]}}], r"tenants\.dev\.guardrails\[0\]\.settings: .*words"),
    Refused("tenants.dev.prompts", {"log": "masked"}, r"prompts\.log`"),
    Refused("tenants.dev.prompts", {"log": True, "to": "kafka"}, "unknown field `to`"),
    Refused("tenants.dev.roles", ["guest"], r"tenants\.dev\.roles: there is no role 'guest'; there are"),
    Refused("tenants.dev.quota", {"spend_per_month": 5}, r"tenants\.dev\.quota\.spend_per_month: .*give models\.echo\.price, or leave it out"),
    Refused("tenants.dev.keys", {"spend_per_month": 5}, r"tenants\.dev\.keys\.spend_per_month: .*price"),
    Refused("tenants.dev.models", {"echo": {"spend_per_month": 5}}, r"tenants\.dev\.models\.echo\.spend_per_month: .*price"),
    Refused("tenants.dev.models", {"gone": {}}, r"tenants\.dev\.models: there is no model 'gone'"),
    Refused("roles.mine", {"actions": ["quotas"]}, r"roles\.mine\.actions: nothing in this version does 'quotas'; leave it out"),
    Refused("roles.mine", {"actions": ["backends", "infer"]}, r"roles\.mine\.actions: .*'backends'"),
    Refused("roles.mine", {"actions": ["fly"]}, r"roles\.mine\.actions\[0\]`"),
    Refused("media", {"fetch": "public"}, r"media\.fetch`"),
    Refused("database", "mysql://db/mesh", r"`\$\.database`"),
    Refused("database", "postgres://db:port/mesh", "database: write postgresql://USER@HOST:PORT/NAME"),
    Refused("database", "postgres://db/mesh", "database: install the extra `postgres`", without="psycopg"),
    Refused("oidc", OIDC | {"algorithms": ["HS256"]}, r"oidc\.algorithms\[0\]`"),
    Refused("oidc", OIDC | {"issuer": "http://issuer.example"}, r"oidc\.issuer`"),
    Refused("oidc", OIDC, "oidc: install the extra `oidc`", without="jwt", ours=("thinmesh_gateway.oidc.tokens", "thinmesh_gateway.oidc.signers", "thinmesh_gateway.oidc.jwks")),
    Refused("idempotency", {"store": "file"}, r"idempotency\.store`"),
    Refused("idempotency", {"store": "redis://h"}, r"idempotency\.store: install the extra `redis`", without="redis", ours=("thinmesh_gateway.idempotency.redis",)),
    Refused("quotas", {"store": "redis://h"}, r"quotas\.store: install the extra `redis`", without="redis", ours=("thinmesh_router.quota.shared",)),
    Refused("tls", TLS, "tls: install the extra `tls`", without="cryptography", ours=("thinmesh_core.tls",)),
    Refused("tls", TLS, r"ca\.pem"),
    Refused("objectives", {"first_token_seconds": 3.0}, r"objectives: first_token_seconds is measured at 0.001, .*, not at 3"),
    Refused("objectives", {"models": {"gone": {}}}, r"objectives\.models: there is no model gone"),
    Refused("listen", {"http": "0.0.0.0:8080"}, "refusing to listen on 0.0.0.0:8080 without TLS: give `tls`"),
    Refused("listen", {"grpc": "0.0.0.0:8081"}, "refusing to listen on 0.0.0.0:8081 without TLS"),
]  # fmt: skip
"""What thinmesh.yaml can say of policies at the gate, and this build can't do."""

SERVED = {
    Tenant: {"description", "priority", "weight"},
    QuotaConfig: {"requests_per_minute", "tokens_per_minute", "tokens_per_day", "concurrent_calls", "input_tokens"},
    PrivacyConfig: {"tensor_models"},
    PatternConfig: set(),
    GuardrailConfig: set(),
    PromptsConfig: {"max_characters"},
    RoleConfig: {"models"},
    MediaConfig: {"seconds", "max_bytes"},
    OidcConfig: {"audience", "jwks", "tenant_claim", "principal_claim", "roles_claim", "max_stale_seconds"},
    IdempotencyConfig: {"window_seconds", "max_bytes"},
    TlsConfig: {"certificate", "key"},
    MeshConfig: {
        "backends", "models", "queue", "watchdog", "jobs", "insecure", "edge", "traces",
        "keys_stale_seconds", "call_seconds", "grace_seconds", "drain_seconds",
    },
}  # fmt: skip
"""Keys of which every value that has the right type and range is served, or that are no policies of the gate's."""


def configured(state: Path, key: str | None = None, value: Any = None) -> Setting:
    """A mesh that is right, but for this value."""
    whole: dict[str, Any] = {
        "tenants": {"dev": {}},
        "backends": {"one": {"adapter": "echo"}},
        "models": {"echo": {"backends": ["one"]}},
    }
    at = whole
    *upper, last = (key or "call_seconds").split(".")
    for name in upper:
        at = at.setdefault(name, {})
    at[last] = 60 if key is None else value
    file = state / "thinmesh.yaml"
    file.write_text(yaml.safe_dump(whole))
    return read(file, state)


async def started(setting: Setting) -> GatewayApp:
    """A gateway and a router as far as a start can refuse."""
    config = setting.config
    async with exposed(config.tls, "gateway", insecure=config.insecure) as exposure:
        for at in (config.listen.http, config.listen.grpc, config.listen.admin):
            exposure.check(parse(at))
        thinmesh_router.app.build(setting.router(setting.backend_addresses(), "router"), _nowhere)
        return thinmesh_gateway.app.build(setting.gateway("router", "worker"), _nowhere)


def _nowhere(_: str) -> InProcessChannel:
    return InProcessChannel(InProcessServer("nowhere", []))


def take_away(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this a build that has no more than it may have; ours that would import it are imported anew."""
    if refused.without is None:
        return
    monkeypatch.setitem(sys.modules, refused.without, None)
    for name in [*sys.modules]:
        if name.startswith(f"{refused.without}."):
            monkeypatch.setitem(sys.modules, name, None)
        elif name.startswith(refused.ours) and refused.ours:
            monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize("refused", REFUSED, ids=str)
async def test_it_refuses_the_start(state: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    take_away(refused, monkeypatch)
    with pytest.raises(ConfigError, match=refused.told):
        await started(configured(state, refused.key, refused.value))


@pytest.mark.parametrize("refused", REFUSED, ids=str)
async def test_it_refuses_the_reload_and_what_was_in_force_stays(
    state: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await started(configured(state))
    in_force = app._inference.policies, app._authenticator.roles, app._inference.media
    take_away(refused, monkeypatch)
    try:
        new = configured(state, refused.key, refused.value)
        if refused.key.partition(".")[0] not in FIXED:  # or the reload is refused whatever the value is
            app.apply(new.gateway("router", "worker"))
            pytest.fail("it was put in force")
    except ConfigError as error:
        assert refused.key.split(".")[0] in str(error)
    assert (app._inference.policies, app._authenticator.roles, app._inference.media) == in_force


async def test_a_reload_of_what_is_right_is_in_force_whole(state: Path) -> None:
    app = await started(configured(state))
    assert not app._inference.media._config.fetch
    app.apply(configured(state, "media", {"fetch": True}).gateway("router", "worker"))
    assert app._inference.media._config.fetch


def keys(kind: type[msgspec.Struct]) -> set[str]:
    return {one.encode_name for one in msgspec.structs.fields(kind)}


def named(of: type[msgspec.Struct]) -> set[str]:
    """Keys of a section that some refused value is at, or within."""
    found: set[str] = set()
    for one in REFUSED:
        value, path = one.value, one.key.split(".")
        found.update(path)
        stack = [value]
        while stack:
            at = stack.pop()
            if isinstance(at, Mapping):
                found.update(map(str, at))
                stack.extend(at.values())
            elif isinstance(at, list):
                stack.extend(at)
    return found & keys(of)


@pytest.mark.parametrize("kind", SERVED, ids=lambda kind: kind.__name__)
def test_every_key_has_been_thought_of(kind: type[msgspec.Struct]) -> None:
    """Whoever adds a key says what of it can't be served, or that all of it can."""
    assert keys(kind) == named(kind) | SERVED[kind]
