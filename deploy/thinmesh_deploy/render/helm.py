"""The values of the chart in deploy/helm that follow from thinmesh.yaml. Pure but for that file's text."""

from __future__ import annotations

import hashlib
import math
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml

from thinmesh_adapters.registry import find
from thinmesh_core import address
from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import MeshConfig, Setting
from thinmesh_deploy.containers.config import DeployConfig
from thinmesh_deploy.containers.edge import contained
from thinmesh_deploy.containers.engine import engine_of
from thinmesh_deploy.containers.sets import Replicas, sets_of
from thinmesh_deploy.containers.version import VERSION
from thinmesh_deploy.edge.config import KEPT_SECONDS

Values = dict[str, Any]

PATIENCE_SECONDS = 10
"""What a pod has beyond the time that running calls may take to end."""

PROBE_SECONDS = 5
"""Between two questions of a starting engine."""

REDIS_PORT = 6379
OTLP_PORT = 4317
ROUTER = "router"

TAKEN = ("/etc/thinmesh", "/var/lib/thinmesh", "/tmp", "/models")  # noqa: S108  # of a pod
"""Where pods have other things than certificates."""

GPU: Values = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def helm_values(setting: Setting) -> str:
    """The whole file; ConfigError where the configuration is not one for pods."""
    config = setting.config
    edge = contained(config)
    _check(config)
    values = {
        "mesh": {
            "version": VERSION,
            "config": setting.path.read_text(encoding="utf-8"),
            "router": address.parse(setting.router_addresses[0]).port,
            "store": None if config.quotas.store == "memory" else _port(config.quotas.store, REDIS_PORT),
            "collector": None if config.traces is None else _port(config.traces.otlp, OTLP_PORT),
            "jobs": config.jobs is not None,
            "endingSeconds": _ending(config),
            "tls": None if config.tls is None else _folder("tls", config.tls.authority, config.tls.certificate, config.tls.key),
        },
        "edge": {
            "http": address.parse(edge.http).port,
            "grpc": address.parse(edge.grpc).port,
            "certificates": _folder("edge", edge.certificate, edge.key, *filter(None, [edge.client_authority])),
            "settings": msgspec.to_builtins(edge),
        },
        "sets": [_set(one, config) for one in sets_of(config.backends)],
    }
    head = f"# Written by `thinmesh render helm-values` from {setting.path.name}. Change that, and render again.\n"
    return head + yaml.safe_dump(values, sort_keys=False, width=128)


def _check(config: MeshConfig) -> None:
    at = config.listen.router
    if not isinstance(at, str) or address.parse(at).host != ROUTER:
        raise ConfigError(f"listen.router: say {ROUTER}:7000, the name of all routers' pods")
    for key in ("inner", "worker"):
        if getattr(config.listen, key) is not None:
            raise ConfigError(f"listen.{key}: leave it out: a worker is in its gateway's pod, and meets it over a socket")
    if config.tls is None and not config.insecure:
        raise ConfigError("tls: pods reach each other by mutual TLS (docs/tls.md), or say `insecure: true`")
    if config.database is None:
        raise ConfigError("database: pods come and go: say which PostgreSQL keeps the keys (docs/identity.md)")
    if config.jobs is not None and config.jobs.temporal is None:
        raise ConfigError("jobs.temporal: say where Temporal is: the chart starts none")


def _folder(at: str, *files: str) -> str:
    """The one folder of all these files, where a secret is mounted."""
    folders = {PurePosixPath(file).parent for file in files}
    folder = folders.pop()
    if folders or not folder.is_absolute() or any(folder.is_relative_to(taken) for taken in TAKEN):
        raise ConfigError(
            f"{at}: put its files into a folder of their own, such as /run/secrets/{at}: a secret is mounted there"
        )
    return str(folder)


def _port(url: str, usual: int) -> int:
    return urlsplit(url).port or usual


def _ending(config: MeshConfig) -> int:
    return math.ceil(config.drain_seconds + KEPT_SECONDS + config.grace_seconds) + PATIENCE_SECONDS


def _set(one: Replicas, config: MeshConfig) -> Values:
    entry, deploy = one.entry, one.entry.deploy or DeployConfig()
    inside = find(entry.adapter).isolated or entry.adapter == "echo"
    runs = entry.deploy is not None and not inside
    probes = math.ceil(deploy.startup_seconds / PROBE_SECONDS)
    read = (entry.adapter, entry.options, entry.insecure, entry.max_concurrency)
    grace, ending = config.grace_seconds, _ending(config)
    if deploy.spot_notice_seconds is not None:
        ending = math.floor(deploy.spot_notice_seconds)
        grace = max(0.0, min(grace, ending - config.drain_seconds - PROBE_SECONDS))
    return {
        "name": one.name,
        "port": one.port,
        "replicas": one.count,
        "entry": hashlib.sha256(msgspec.json.encode(read, order="sorted")).hexdigest()[:16],
        "graceSeconds": grace,
        "endingSeconds": ending,
        "outside": not (inside or runs),
        "engine": _engine(f"{one.name}-0", one, deploy, probes) if runs else None,
        "startupProbes": probes if inside else None,
        "resources": _resources(deploy) if inside else None,
        "nodeSelector": deploy.node_selector,
        "tolerations": _tolerations(deploy),
        "autoscale": _autoscale(one, config),
    }


def _autoscale(one: Replicas, config: MeshConfig) -> Values | None:
    """What KEDA is to ask for, where a model says how its replicas follow load."""
    of = {f"{one.name}-{number}" for number in range(one.count)}
    for name, model in config.models.items():
        scaled = {target if isinstance(target, str) else target.backend for target in model.backends}
        if model.autoscale is None or scaled.isdisjoint(of):
            continue
        if scaled != of:
            raise ConfigError(f"models.{name}.autoscale: its backends have to be all replicas of {one.name} and no others")
        return {"model": name, "minimum": model.autoscale.minimum, "maximum": model.autoscale.maximum or one.count}
    return None


def _engine(name: str, one: Replicas, deploy: DeployConfig, probes: int) -> Values:
    engine = engine_of(name, one.entry, deploy)
    return {
        "image": engine.image,
        "command": list(engine.command),
        "environment": dict(engine.environment),
        "port": engine.port,
        "startupProbes": probes,
        "sharedMemory": deploy.shared_memory,
        "resources": _resources(deploy),
    }


def _resources(deploy: DeployConfig) -> Values | None:
    told = {"cpu": deploy.cpus and str(deploy.cpus), "memory": deploy.memory}
    gpus = {"nvidia.com/gpu": deploy.gpus} if deploy.gpus else {}
    asked = {name: amount for name, amount in told.items() if amount is not None}
    return {"requests": asked, "limits": asked | gpus} if asked or gpus else None


def _tolerations(deploy: DeployConfig) -> list[Values]:
    told = [
        {"key": one.key, "operator": "Exists" if one.value is None else "Equal"}
        | ({} if one.value is None else {"value": one.value})
        | ({} if one.effect is None else {"effect": one.effect})
        for one in deploy.tolerations
    ]
    return [*([dict(GPU)] if deploy.gpus else []), *told]
