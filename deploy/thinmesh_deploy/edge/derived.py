"""What the workers of `thinmesh up --edge` and the nginx in front of them read, out of the one thinmesh.yaml. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from thinmesh_core import address
from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import Setting
from thinmesh_deploy.edge.config import Behind, EdgeConfig

LOOPBACK = ("127.0.0.1:8443", "127.0.0.1:8444")
"""Where the edge listens while thinmesh.yaml has no section of it."""

MEMORY = "memory"


def place(setting: Setting, number: int) -> Behind:
    """The sockets of a worker that nginx sends calls to."""
    return Behind(http=_socket(setting, number, "http"), grpc=_socket(setting, number, "grpc"))


def admin_socket(setting: Setting, number: int) -> Path:
    """Where it is asked for its metrics and its readiness."""
    return setting.sockets / f"worker-{number}-admin.sock"


def _socket(setting: Setting, number: int, what: str) -> str:
    return f"unix:{setting.sockets / f'worker-{number}-{what}.sock'}"


def of_worker(
    setting: Setting,
    data: Mapping[str, Any],
    number: int,
    workers: int,
    *,
    backends: Mapping[str, str],
    store: str,
    temporal: str | None,
) -> str:
    """A worker's own file: `data`, which is thinmesh.yaml's, with what exists once where it is.

    `backends` are the addresses of engines that run beside the workers, `store` where quotas are counted together.
    Its own router comes first among those that operators ask.
    """
    behind = place(setting, number)
    others = [one for one in range(1, workers + 1) if one != number]
    listen = {
        "http": behind.http,
        "grpc": behind.grpc,
        "admin": f"unix:{admin_socket(setting, number)}",
        "router": [_socket(setting, one, "router") for one in (number, *others)],
    }
    known = dict(data)
    known["listen"] = listen
    known["edge"] = msgspec.to_builtins(setting.config.edge)
    known["backends"] = {
        name: entry | ({"address": backends[name]} if name in backends else {}) for name, entry in data["backends"].items()
    }
    for section in ("quotas", "idempotency"):
        said = dict(data.get(section) or {})
        if said.get("store", MEMORY) == MEMORY:
            said["store"] = store
        known[section] = said
    known["quotas"]["replicas"] = known["quotas"].get("replicas", workers)
    if temporal is not None:
        known["jobs"] = dict(data.get("jobs") or {}) | {"temporal": temporal}
    return json.dumps(known, indent=2, ensure_ascii=False, default=str)


def fronted(setting: Setting, certificate: tuple[Path, Path] | None, http: str | None, grpc: str | None) -> Setting:
    """The setting with an edge: the file's, or one of loopback with a certificate of its own. Flags go before it."""
    edge = setting.config.edge
    if edge is None:
        assert certificate is not None
        edge = EdgeConfig(http=LOOPBACK[0], grpc=LOOPBACK[1], certificate=str(certificate[0]), key=str(certificate[1]))
    edge = msgspec.structs.replace(edge, http=http or edge.http, grpc=grpc or edge.grpc)
    if setting.config.edge is None and not all(address.parse(one).local for one in (edge.http, edge.grpc)):
        raise ConfigError(
            "edge: beyond loopback callers need a certificate that somebody vouches for: give edge.certificate and edge.key"
        )
    if edge.gateways:
        raise ConfigError("edge.gateways: leave it out: with --edge they are the workers that it starts")
    return replace(setting, config=msgspec.structs.replace(setting.config, edge=edge))
