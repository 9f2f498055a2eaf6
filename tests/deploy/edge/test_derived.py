"""What workers read: thinmesh.yaml's own words, with what exists once where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import Setting, read
from thinmesh_deploy.edge.derived import LOOPBACK, fronted, of_worker, place

TEXT = """
tenants: {dev: {}}
backends:
  near: {adapter: llamacpp, options: {model: /m.gguf}}
  far: {adapter: echo}
models: {one: {backends: [near, far]}}
quotas: {QUOTAS}
jobs: {}
"""


def setting(state: Path, text: str = TEXT, quotas: str = "lease_seconds: 2") -> Setting:
    file = state / "thinmesh.yaml"
    file.write_text(text.replace("QUOTAS", quotas))
    return read(file, state)


def derived(one: Setting, number: int = 1) -> dict[str, Any]:
    data = yaml.safe_load(one.path.read_text())
    text = of_worker(one, data, number, 2, backends={"near": "unix:/n.sock"}, store="unix:///v.sock", temporal="127.0.0.1:7233")
    worker = one.state / f"{number}.yaml"
    worker.write_text(text)
    read(worker, one.state)  # it is a configuration as any
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_what_exists_once_is_shared_and_the_rest_is_each_workers_own(state: Path) -> None:
    found = derived(fronted(setting(state), (Path("/c"), Path("/k")), None, None), 2)
    assert found["backends"]["near"]["address"] == "unix:/n.sock"
    assert "address" not in found["backends"]["far"]
    assert found["quotas"] == {"lease_seconds": 2, "store": "unix:///v.sock", "replicas": 2}
    assert found["idempotency"]["store"] == "unix:///v.sock"
    assert found["jobs"]["temporal"] == "127.0.0.1:7233"
    routers = found["listen"]["router"]
    assert [Path(one).name for one in routers] == ["worker-2-router.sock", "worker-1-router.sock"]


def test_a_store_of_ones_own_stays(state: Path) -> None:
    one = fronted(setting(state, quotas="store: redis://127.0.0.1:6379/0"), (Path("/c"), Path("/k")), None, None)
    assert derived(one)["quotas"]["store"] == "redis://127.0.0.1:6379/0"


def test_workers_have_sockets_of_their_own(state: Path) -> None:
    one = setting(state)
    places = {address for number in (1, 2) for address in (place(one, number).http, place(one, number).grpc)}
    assert len(places) == 4


def test_without_a_section_the_edge_is_this_machines_alone(state: Path) -> None:
    one = fronted(setting(state), (Path("/c"), Path("/k")), None, None)
    assert one.config.edge is not None
    assert (one.config.edge.http, one.config.edge.grpc) == LOOPBACK
    with pytest.raises(ConfigError, match=r"give edge\.certificate and edge\.key"):
        fronted(setting(state), (Path("/c"), Path("/k")), "0.0.0.0:8443", None)


def test_gateways_of_a_file_are_refused(state: Path) -> None:
    edge = 'edge: {certificate: /c, key: /k, gateways: [{http: "127.0.0.1:1", grpc: "127.0.0.1:2"}]}\n'
    with pytest.raises(ConfigError, match=r"edge\.gateways: leave it out"):
        fronted(setting(state, TEXT + edge), None, None, None)
