"""compose.yaml as `thinmesh render compose` writes it: valid, locked down, and with nobody but its adapter beside an engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import read
from thinmesh_deploy.render.compose import compose

ROOT = Path(__file__).parents[3]
EXAMPLES = [ROOT / "deploy" / "examples" / name for name in ("one-machine.yaml", "gpus.yaml")]
PROGRAMS = Path(sys.executable).parent

SMALL: dict[str, Any] = {
    "tenants": {},
    "backends": {"one": {"adapter": "vllm", "options": {"address": "127.0.0.1:50051"}, "deploy": {"model": "/models/one"}}},
    "models": {"one": {"backends": ["one"]}},
    "edge": {"certificate": "/run/secrets/edge.pem", "key": "/run/secrets/edge.key", "access_log": "off"},
}


def rendered(file: Path, tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(compose(read(file, tmp_path / "state")))
    return found


def changed(tmp_path: Path, **more: Any) -> dict[str, Any]:
    file = tmp_path / "thinmesh.yaml"
    file.write_text(yaml.safe_dump(SMALL | more))
    return rendered(file, tmp_path)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_what_composes_specification_says(tmp_path: Path, example: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(compose(read(example, tmp_path / "state")))
    tool = PROGRAMS / "check-jsonschema"
    checked = subprocess.run(
        [tool, "--builtin-schema", "vendor.compose-spec", file], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_container_is_without_rights_and_of_one_of_six_kinds(tmp_path: Path, example: Path) -> None:
    services = rendered(example, tmp_path)["services"]
    assert {name.partition("-")[0] for name in services} <= {"edge", "gateway", "router", "adapter", "engine", "worker"}
    for service in services.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"] == "10001:10001"
        assert "privileged" not in service


def test_nobody_but_its_adapter_reaches_an_engine(tmp_path: Path) -> None:
    """Engines listen on loopback, in a network of their own that has no way out; the adapter is in the same loopback."""
    whole = rendered(EXAMPLES[1], tmp_path)
    assert whole["networks"]["engines"] == {"internal": True}
    engines = {name: one for name, one in whole["services"].items() if name.startswith("engine-")}
    assert len(engines) == 3
    for name, engine in engines.items():
        assert engine["networks"] == ["engines"]
        assert "ports" not in engine
        assert "127.0.0.1" in " ".join(engine["command"])
        beside = [of for of, one in whole["services"].items() if one.get("network_mode") == f"service:{name}"]
        assert beside == [name.replace("engine", "adapter")]
    others = [one for name, one in whole["services"].items() if name not in engines]
    assert not any("engines" in one.get("networks", ()) for one in others)


def test_the_edge_alone_is_published(tmp_path: Path) -> None:
    """In the gateway's network, so that what the gateway itself listens on stays loopback."""
    services = rendered(EXAMPLES[1], tmp_path)["services"]
    assert services["edge"]["network_mode"] == "service:gateway"
    assert {name: one["ports"] for name, one in services.items() if "ports" in one} == {"gateway": ["8443:8443", "8444:8444"]}


def test_gpus_are_reserved_and_keys_of_the_state_are_no_adapters(tmp_path: Path) -> None:
    services = rendered(EXAMPLES[1], tmp_path)["services"]
    reserved = services["engine-llama"]["deploy"]["resources"]["reservations"]["devices"]
    assert reserved == [{"driver": "nvidia", "count": 2, "capabilities": ["gpu"]}]
    assert services["engine-llama"]["shm_size"] == "16g"
    holding = {name for name, one in services.items() if any(at.startswith("state:") for at in one.get("volumes", ()))}
    assert holding == {"gateway", "worker"}


def test_running_calls_have_their_time_at_a_stop(tmp_path: Path) -> None:
    services = changed(tmp_path, grace_seconds=120, drain_seconds=5)["services"]
    assert {services[name]["stop_grace_period"] for name in ("edge", "gateway", "router", "adapter-one")} == {"138s"}


def test_compose_replaces_nothing_in_what_it_is_given(tmp_path: Path) -> None:
    backend = SMALL["backends"]["one"]
    deploy = {"model": "/models/one", "args": ["--note=$HOME"]}
    edge = SMALL["edge"] | {"key": "/run/secrets/$edge.key"}
    services = changed(tmp_path, backends={"one": backend | {"deploy": deploy}}, edge=edge)["services"]
    assert services["engine-one"]["command"][-1] == "--note=$$HOME"
    assert services["edge"]["secrets"][1]["target"] == "/run/secrets/$$edge.key"


def test_an_engine_elsewhere_gets_an_adapter_and_one_that_is_served_elsewhere_none(tmp_path: Path) -> None:
    cloud = {"adapter": "openai", "options": {"base_url": "https://engine.example.org/v1", "key_env": "ENGINE_KEY"}}
    far = {"adapter": "vllm", "address": "10.0.0.5:7001", "options": {"address": "127.0.0.1:50051"}}
    services = changed(tmp_path, backends={"one": cloud, "far": far})["services"]
    assert set(services) == {"edge", "gateway", "router", "adapter-one"}
    assert services["adapter-one"]["environment"] == ["ENGINE_KEY"]
    assert services["adapter-one"]["networks"] == ["mesh"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"edge": None}, "edge: only nginx faces strangers"),
        ({"edge": SMALL["edge"] | {"access_log": None}}, r"edge\.access_log: say /dev/stdout"),
        ({"listen": {"http": "0.0.0.0:8080"}}, r"listen\.http: the edge is beside"),
        ({"listen": {"router": "10.0.0.4:7000"}}, r"listen\.router: leave it out"),
        ({"jobs": {}}, r"jobs\.temporal: say where Temporal is"),
        ({"tls": {"authority": "a", "certificate": "b", "key": "c"}}, "tls: leave it out"),
        ({"backends": {"one": SMALL["backends"]["one"] | {"address": "10.0.0.4:1"}}}, r"backends\.one\.address: leave it out"),
    ],
)
def test_what_is_not_for_one_machine_is_refused_by_its_key(tmp_path: Path, more: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        changed(tmp_path, **more)


def test_the_dockerfile_passes_hadolint_and_has_a_target_for_each_image(tmp_path: Path) -> None:
    file = ROOT / "deploy" / "docker" / "Dockerfile"
    checked = subprocess.run([PROGRAMS / "hadolint", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    targets = set(re.findall(r"^FROM thinmesh AS (\w+)$", file.read_text(), re.MULTILINE))
    services = rendered(EXAMPLES[1], tmp_path)["services"].values()
    own = {one["image"].partition("/")[2].partition(":")[0] for one in services if "THINMESH_IMAGES" in one["image"]}
    assert own == targets


@pytest.mark.parametrize("name", ["-x", "a b", "a$b", "a\nb", "🙂"])
def test_a_backend_whose_name_no_container_can_have_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="can't be a container's name"):
        changed(tmp_path, backends={name: SMALL["backends"]["one"]}, models={"one": {"backends": [name]}})
