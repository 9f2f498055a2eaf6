"""compose.yaml for one machine, out of thinmesh.yaml: the parts meet over sockets, engines have no way out. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from thinmesh_adapters.registry import find
from thinmesh_core import address
from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import BackendEntry, MeshConfig, Setting
from thinmesh_deploy.containers.config import DeployConfig
from thinmesh_deploy.containers.edge import contained
from thinmesh_deploy.containers.engine import MODELS, Engine, engine_of
from thinmesh_deploy.containers.version import VERSION
from thinmesh_deploy.edge.config import KEPT_SECONDS, EdgeConfig

Service = dict[str, Any]

USER = 10001
"""Who everything runs as; the image's, too."""

FILE = "/etc/thinmesh/thinmesh.yaml"
STATE = "/var/lib/thinmesh"
ADMIN = "127.0.0.1:9464"

MODELS_HERE = "${THINMESH_MODELS:-./models}"
"""The machine's folder of models."""

PROBE = f"import urllib.request as u; u.urlopen('http://{ADMIN}/readyz', timeout=2)"

SOCKETS = f"sockets:{STATE}/run"
KEPT = f"state:{STATE}"

FILES = 65536
"""What nginx may have open: its connections to both sides."""

PATIENCE_SECONDS = 10
"""What a container has beyond the time that running calls may take to end."""


def compose(setting: Setting) -> str:
    """The whole file; ConfigError where the configuration is not one for a single machine of containers."""
    config = setting.config
    edge = contained(config)
    _check(config)
    services: dict[str, Service] = {"edge": _edge(config, edge), "gateway": _gateway(config, edge), "router": _router(config)}
    if config.jobs is not None:
        services["worker"] = _worker(config)
    for name, entry in config.backends.items():
        services |= dict(_backend(name, entry, config))
    whole: Service = {
        "name": "thinmesh",
        "services": services,
        "networks": {"mesh": {}, "engines": {"internal": True}},
        "volumes": {"sockets": {}, "state": {}, "ledger": {}},
        "configs": {"thinmesh": {"file": _literal(f"./{setting.path.name}")}},
        "secrets": {"edge-certificate": {"file": "./edge.pem"}, "edge-key": {"file": "./edge.key"}},
    }
    if edge.client_authority is not None:
        whole["secrets"] |= {"edge-authority": {"file": "./edge-authority.pem"}}
    head = (
        f"# Written by `thinmesh render compose` from {setting.path.name}. Change that and render again; docs/deploying.md.\n"
    )
    return head + yaml.safe_dump(whole, sort_keys=False, width=128)


def _check(config: MeshConfig) -> None:
    for name, entry in config.backends.items():
        if entry.address is None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise ConfigError(f"backends: {name!r} can't be a container's name: take letters, digits, '.', '_' and '-'")
        if entry.deploy is not None and entry.address is not None:
            raise ConfigError(f"backends.{name}.address: leave it out: on one machine adapters are reached by sockets")
    if config.tls is not None:
        raise ConfigError("tls: leave it out: on one machine the parts meet over sockets")
    for key in ("router", "inner", "worker"):
        if getattr(config.listen, key) is not None:
            raise ConfigError(f"listen.{key}: leave it out: on one machine the parts meet over sockets")
    if config.jobs is not None and config.jobs.temporal is None:
        raise ConfigError("jobs.temporal: say where Temporal is: compose starts none (`thinmesh up` does)")


def _hardened(config: MeshConfig | None = None) -> Service:
    """What every container has: no rights, no disk but a small temporary one, and time to end its calls."""
    ending = 0 if config is None else math.ceil(config.drain_seconds + KEPT_SECONDS + config.grace_seconds)
    return {
        "restart": "unless-stopped",
        "user": f"{USER}:{USER}",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "tmpfs": ["/tmp:mode=1777,size=64m"],  # noqa: S108  # a container's own
        "stop_grace_period": f"{ending + PATIENCE_SECONDS}s",
        "init": True,
    }


def _part(target: str, *command: str, config: MeshConfig, volumes: list[str]) -> Service:
    """A process of thinmesh's own."""
    return {
        "image": f"${{THINMESH_IMAGES:-thinmesh}}/{target}:{VERSION}",
        "command": [*command, "--config", FILE, "--state", STATE, "--admin", ADMIN],
        **_hardened(config),
        "configs": [{"source": "thinmesh", "target": FILE}],
        "volumes": volumes,
        "healthcheck": {"test": ["CMD", "python", "-c", PROBE], "interval": "10s", "timeout": "5s", "start_period": "60s"},
    }


def _edge(config: MeshConfig, edge: EdgeConfig) -> Service:
    """In its gateway's network: nobody but it reaches what the gateway listens on."""
    secrets = {"edge-certificate": edge.certificate, "edge-key": edge.key}
    if edge.client_authority is not None:
        secrets["edge-authority"] = edge.client_authority
    return {
        "image": f"${{THINMESH_IMAGES:-thinmesh}}/edge:{VERSION}",
        "network_mode": "service:gateway",
        "depends_on": ["gateway"],
        **_hardened(config),
        "ulimits": {"nofile": FILES},
        "configs": [{"source": "thinmesh", "target": FILE}],
        "secrets": [{"source": source, "target": _literal(target)} for source, target in secrets.items()],
    }


def _gateway(config: MeshConfig, edge: EdgeConfig) -> Service:
    ports = [str(address.parse(at).port) for at in (edge.http, edge.grpc)]
    return {
        **_part("gateway", "gateway", config=config, volumes=[KEPT, SOCKETS]),
        "networks": ["mesh"],
        "ports": [f"{port}:{port}" for port in ports],
        "depends_on": ["router"],
    }


def _router(config: MeshConfig) -> Service:
    return {**_part("router", "router", config=config, volumes=[f"ledger:{STATE}", SOCKETS]), "networks": ["mesh"]}


def _worker(config: MeshConfig) -> Service:
    return {
        **_part("worker", "worker", config=config, volumes=[KEPT, SOCKETS]),
        "environment": ["THINMESH_TEMPORAL_KEY"],
        "networks": ["mesh"],
        "depends_on": ["gateway"],
    }


def _backend(name: str, entry: BackendEntry, config: MeshConfig) -> Iterator[tuple[str, Service]]:
    """The adapter of a backend that is on this machine, and the engine that it shares a loopback with."""
    if entry.address is not None:
        return
    adapter = _part("adapter", "adapter", "run", _literal(name), config=config, volumes=[SOCKETS, f"{MODELS_HERE}:{MODELS}:ro"])
    adapter["tmpfs"] = [*adapter["tmpfs"], f"{STATE}:mode=0700,uid={USER},gid={USER},size=16m"]
    if key := entry.options.get("key_env"):
        adapter["environment"] = [_literal(str(key))]
    deploy = entry.deploy
    if find(entry.adapter).isolated or entry.adapter == "echo":
        yield f"adapter-{name}", adapter | {"network_mode": "none"} | _resources(deploy or DeployConfig())
        return
    if deploy is None:
        yield f"adapter-{name}", adapter | {"networks": ["mesh"]}
        return
    adapter["healthcheck"]["start_period"] = f"{math.ceil(deploy.startup_seconds)}s"
    beside = {"network_mode": f"service:engine-{name}", "depends_on": [f"engine-{name}"]}
    yield f"engine-{name}", _engine(engine_of(name, entry, deploy), deploy)
    yield f"adapter-{name}", adapter | beside


def _engine(engine: Engine, deploy: DeployConfig) -> Service:
    first, *rest = map(_literal, engine.command)
    return {
        "image": engine.image,
        "entrypoint": [first],
        "command": rest,
        "environment": {name: _literal(value) for name, value in engine.environment.items()},
        **_hardened(),
        "tmpfs": ["/tmp:mode=1777,size=4g,exec"],  # noqa: S108  # what is compiled for the GPU is run from there
        "networks": ["engines"],
        "volumes": [f"{MODELS_HERE}:{MODELS}:ro"],
        "shm_size": _bytes(deploy.shared_memory),
        **_resources(deploy),
    }


def _resources(deploy: DeployConfig) -> Service:
    limits = {"cpus": None if deploy.cpus is None else str(deploy.cpus), "memory": deploy.memory and _bytes(deploy.memory)}
    found: Service = {"limits": {name: value for name, value in limits.items() if value is not None}}
    if deploy.gpus:
        found["reservations"] = {"devices": [{"driver": "nvidia", "count": deploy.gpus, "capabilities": ["gpu"]}]}
    found = {name: value for name, value in found.items() if value}
    return {"deploy": {"resources": found}} if found else {}


def _bytes(amount: str) -> str:
    """An amount in compose's words, whose units are of 1024 as well."""
    return amount.replace("Gi", "g").replace("Mi", "m")


def _literal(text: str) -> str:
    """A text in which compose replaces nothing."""
    return text.replace("$", "$$")
