"""thinmesh.yaml: every number and address that makes no sense stops the start, and is told by its key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import read

NUMBERS = [-1, float("nan"), float("inf"), 1e300, 10**30, 2**64, "x", True]
ADDRESSES = ["nope", "", "unix:", "127.0.0.1:99999", "[::1]:x"]
MEASURES = ("requests_per_minute", "tokens_per_minute", "tokens_per_day", "concurrent_calls", "input_tokens", "spend_per_month")
QUOTAS = [f"tenants.dev.{of}.{measure}" for of in ("quota", "keys", "models.echo") for measure in MEASURES]
NUMBER_KEYS = [
    *QUOTAS,
    "tenants.dev.weight",
    "queue.wait_seconds",
    "queue.waiting_room_seconds",
    "queue.max_waiting",
    "queue.max_waiting_tokens",
    "queue.minimum_share",
    "quotas.replicas",
    "quotas.lease_seconds",
    "watchdog.first_event_seconds",
    "watchdog.idle_seconds",
    "idempotency.window_seconds",
    "idempotency.max_bytes",
    "call_seconds",
    "grace_seconds",
    "drain_seconds",
    "backends.one.max_concurrency",
    "models.echo.hedge_seconds",
    "models.echo.call_tokens",
    "models.echo.price.input_per_million",
    "models.echo.price.output_per_million",
    "models.echo.shadow.share",
    "models.echo.autoscale.minimum",
    "models.echo.autoscale.maximum",
    "models.echo.autoscale.cool_down_seconds",
    "models.echo.autoscale.idle_seconds",
    "models.echo.autoscale.waiting_room_seconds",
    "models.echo.autoscale.target.utilisation",
    "models.echo.autoscale.target.queue_wait_seconds",
]


def refusal(tmp_path: Path, key: str, value: Any) -> str:
    """What is said of a configuration that is right but for this value."""
    whole = {
        "tenants": {"other": {}, "dev": {"models": {"echo": {}}}},
        "backends": {"one": {"adapter": "echo"}, "two": {"adapter": "echo"}},
        "models": {"echo": {"backends": ["one"], "aliases": ["parrot"]}, "also": {"backends": ["two"]}},
    }
    at: Any = whole
    *upper, last = key.split(".")
    for name in upper:
        at = at.setdefault(name, {"backend": "two"} if name == "shadow" else {})
    at[last] = value
    file = tmp_path / "thinmesh.yaml"
    file.write_text(yaml.safe_dump(whole))
    with pytest.raises(ConfigError) as raised:
        read(file, tmp_path / "state")
    return str(raised.value)


@pytest.mark.parametrize("value", NUMBERS)
@pytest.mark.parametrize("key", NUMBER_KEYS)
def test_a_number_that_makes_no_sense_is_told_by_its_key(tmp_path: Path, key: str, value: Any) -> None:
    assert f"at `$.{key}`" in refusal(tmp_path, key, value)


@pytest.mark.parametrize("weight", [0, -1, 1e-320, float("nan"), float("inf")])
def test_a_weight_that_makes_no_sense_is_told_by_its_key(tmp_path: Path, weight: float) -> None:
    told = refusal(tmp_path, "models.echo.backends", [{"backend": "one", "weight": weight}])
    assert "at `$.models.echo.backends[0].weight`" in told


@pytest.mark.parametrize("value", ADDRESSES)
@pytest.mark.parametrize("key", ["listen.http", "listen.grpc", "listen.admin", "listen.router", "backends.one.address"])
def test_an_address_that_makes_no_sense_is_told_by_its_key(tmp_path: Path, key: str, value: str) -> None:
    if value or (key.startswith("listen.") and key != "listen.router"):
        assert f"{key}: {value!r} is no address" in refusal(tmp_path, key, value)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("models", {}, "at `$.models`"),
        ("listen.router", [], "at `$.listen.router`"),
        ("listen.router", ["unix:/a", "127.0.0.1:1"], "listen.router: unix:/a, 127.0.0.1:1: several addresses"),
        ("tenants.dev.models", {"nope": {}}, "tenants.dev.models: there is no model 'nope'; there are: also, echo"),
        ("tenants.dev.models", {"parrot": {}}, "tenants.dev.models: 'parrot' is an alias; write 'echo'"),
        ("models.echo.shadow", {"backend": "three", "share": 0.1}, "models.echo.shadow: there is no backend 'three'"),
        ("models.echo.autoscale", {"maximum": 2}, "models.echo.autoscale: 2 replicas need as many backends, and it has 1"),
        ("models.echo.autoscale.target", {}, "give `utilisation`, `queue_wait_seconds` or both - at `$.models.echo.autoscale"),
        ("models.echo.overflow", "later", "at `$.models.echo.overflow`"),
        ("models.echo.overflow", "job", "models.echo.overflow: there are no jobs; put `jobs: {}` into the file"),
        ("quotas.store", "redi://x", "at `$.quotas.store`"),
        ("quotas.store", "unix://", "at `$.quotas.store`"),
        ("quotas.when_unreachable", {"rates": "maybe"}, "at `$.quotas.when_unreachable.rates`"),
    ],
)
def test_what_is_not_there_is_told_by_its_key(tmp_path: Path, key: str, value: Any, told: str) -> None:
    assert told in refusal(tmp_path, key, value)


def test_a_route_that_overflows_does_so_by_all_its_names(tmp_path: Path) -> None:
    file = tmp_path / "thinmesh.yaml"
    models = {"a": {"backends": ["one"], "aliases": ["b"], "overflow": "job"}, "c": {"backends": ["one"]}}
    whole = {"tenants": {"dev": {}}, "backends": {"one": {"adapter": "echo"}}, "models": models, "jobs": {}}
    file.write_text(yaml.safe_dump(whole))
    assert read(file, tmp_path / "state").gateway("router", "workers").overflow == ("a", "b")
