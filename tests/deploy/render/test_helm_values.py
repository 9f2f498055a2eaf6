"""What thinmesh.yaml has to say before it can run as pods, and what of it changes a pod."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.render.charts import Object, check, named, objects, values

from thinmesh_core.config import ConfigError

ONE = {"adapter": "vllm", "options": {"address": "127.0.0.1:50051"}, "deploy": {"model": "/models/one"}}
SMALL: Object = {
    "tenants": {},
    "listen": {"router": "router:7000"},
    "insecure": True,
    "database": "postgresql://thinmesh@postgres/thinmesh",
    "backends": {"one-0": ONE | {"address": "one-0.one:7001"}},
    "models": {"one": {"backends": ["one-0"]}},
    "edge": {"certificate": "/run/secrets/edge/tls.crt", "key": "/run/secrets/edge/tls.key", "access_log": "off"},
}


def changed(tmp_path: Path, **more: Any) -> Object:
    file = tmp_path / "thinmesh.yaml"
    file.write_text(yaml.safe_dump(SMALL | more))
    return values(file, tmp_path)


def backends(**more: Any) -> Object:
    """The one of SMALL, with more to say, or others beside it."""
    return {"backends": SMALL["backends"] | {name.replace("_", "-"): entry for name, entry in more.items()}}


def test_a_mesh_without_jobs_certificates_and_gpus_is_valid_too(tmp_path: Path) -> None:
    check(changed(tmp_path), tmp_path)


def test_a_store_that_routers_share_is_reached(tmp_path: Path) -> None:
    assert changed(tmp_path)["mesh"]["store"] is None
    assert changed(tmp_path, quotas={"store": "redis://valkey:6380"})["mesh"]["store"] == 6380
    assert changed(tmp_path, quotas={"store": "redis://valkey"})["mesh"]["store"] == 6379


def test_spans_reach_their_collector_and_nothing_else_is_opened(tmp_path: Path) -> None:
    given = changed(tmp_path, traces={"otlp": "http://collector.seeing:4317"}, quotas={"store": "redis://valkey"})
    check(given, tmp_path)
    found = objects(given)
    assert named(found, "NetworkPolicy", "one")["spec"]["egress"][1:] == [{"ports": [{"port": 4317}]}]
    assert named(found, "NetworkPolicy", "router")["spec"]["egress"][2:] == [
        {"ports": [{"port": 6379}]},
        {"ports": [{"port": 4317}]},
    ]


def test_an_option_that_changes_restarts_the_adapters_and_a_tenant_does_not(tmp_path: Path) -> None:
    before = changed(tmp_path)["sets"]
    entry = SMALL["backends"]["one-0"]
    slow = entry | {"options": entry["options"] | {"answer_seconds": 60.0}}
    assert changed(tmp_path, **backends(one_0=slow))["sets"][0]["entry"] != before[0]["entry"]
    assert changed(tmp_path, tenants={"new": {}})["sets"] == before


def test_a_set_may_scale_to_none_and_to_all_its_backends(tmp_path: Path) -> None:
    models = {"one": {"backends": ["one-0"], "autoscale": {"minimum": 0}}}
    given = changed(tmp_path, models=models)
    assert given["sets"][0]["autoscale"] == {"model": "one", "minimum": 0, "maximum": 1}
    check(given, tmp_path)


def test_a_backend_that_is_served_elsewhere_is_no_pod(tmp_path: Path) -> None:
    far = {"adapter": "vllm", "address": "10.0.0.5:7001"}
    assert [one["name"] for one in changed(tmp_path, **backends(far=far))["sets"]] == ["one"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"listen": {}}, r"listen\.router: say router:7000"),
        ({"listen": {"router": "router:7000", "worker": "worker:1"}}, r"listen\.worker: leave it out"),
        ({"insecure": False}, "tls: pods reach each other by mutual TLS"),
        ({"database": None}, "database: pods come and go"),
        ({"jobs": {}}, r"jobs\.temporal: say where Temporal is"),
        ({"edge": SMALL["edge"] | {"key": "/run/secrets/other/tls.key"}}, "edge: put its files into a folder"),
        ({"edge": SMALL["edge"] | {"certificate": "/etc/thinmesh/a", "key": "/etc/thinmesh/b"}}, "edge: put its files"),
        (backends(two=ONE), r"backends\.two: .* name it two-0, `address: two-0\.two:7001`"),
        (backends(one_1=ONE), r"backends\.one-1: .* name it one-1, `address: one-1\.one:7001`"),
        (backends(one_2=ONE | {"address": "one-2.one:7001"}), "backends: one-1 is missing"),
        (backends(one_1=ONE | {"address": "one-1.one:7001", "insecure": True}), r"backends\.one-1: replicas of one are alike"),
        (backends(one_1=ONE | {"address": "one-1.one:7002"}), r"backends\.one-1: replicas of one are alike"),
        (
            backends(one_1=ONE | {"address": "one-1.one:7001"}) | {"models": {"one": {"backends": ["one-0"], "autoscale": {}}}},
            r"models\.one\.autoscale: its backends have to be all replicas of one",
        ),
        (backends(router_0=ONE | {"address": "router-0.router:7001"}), r"backends\.router-0: 'router' is the name"),
    ],
)
def test_what_is_not_for_pods_is_refused_by_its_key(tmp_path: Path, more: Object, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        changed(tmp_path, **more)
