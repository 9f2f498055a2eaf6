"""Backends as replicas: `qwen-0` at `qwen-0.qwen:7001`, `qwen-1` at `qwen-1.qwen:7001` are a StatefulSet `qwen`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from thinmesh_core import address
from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import BackendEntry

RESERVED = ("gateway", "router", "thinmesh")
"""Names of what else there is."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """Backends that are alike but for their number. `entry` is what they have in common, with no address."""

    name: str
    port: int
    count: int
    entry: BackendEntry


def sets_of(backends: Mapping[str, BackendEntry]) -> list[Replicas]:
    """Every set. ConfigError for an engine that is to be run and has no address as one of a set, and for sets with gaps."""
    found: dict[str, dict[int, tuple[int, BackendEntry]]] = {}
    for name, entry in backends.items():
        if (at := _place(name, entry)) is not None:
            of, number, port = at
            found.setdefault(of, {})[number] = (port, replace(entry, address=None))
    return [_replicas(name, members) for name, members in found.items()]


def _place(name: str, entry: BackendEntry) -> tuple[str, int, int] | None:
    """A backend's set, its number and its port; None where it is served elsewhere."""
    numbered = re.fullmatch(r"([a-z]([a-z0-9-]{0,40}[a-z0-9])?)-(0|[1-9][0-9]{0,3})", name)
    at = None if entry.address is None else address.parse(entry.address)
    if numbered is not None and at is not None and at.host == f"{name}.{numbered[1]}":
        if numbered[1] in RESERVED:
            raise ConfigError(f"backends.{name}: {numbered[1]!r} is the name of another part; take another")
        return numbered[1], int(numbered[3]), at.port
    if entry.address is None or entry.deploy is not None:
        wanted = name if numbered is not None else f"{name}-0"
        of = wanted.rpartition("-")[0]
        raise ConfigError(
            f"backends.{name}: in Kubernetes it is a replica by its number: name it {wanted}, `address: {wanted}.{of}:7001`"
        )
    return None


def _replicas(name: str, members: Mapping[int, tuple[int, BackendEntry]]) -> Replicas:
    count = len(members)
    if set(members) != set(range(count)):
        missing = next(number for number in range(count) if number not in members)
        raise ConfigError(f"backends: {name}-{missing} is missing: replicas are counted from 0")
    port, entry = members[0]
    for number in range(count):
        if members[number] != (port, entry):
            raise ConfigError(f"backends.{name}-{number}: replicas of {name} are alike but for their address; {name}-0 is not")
    return Replicas(name, port, count, entry)
