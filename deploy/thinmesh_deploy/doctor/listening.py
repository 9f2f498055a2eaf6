"""The addresses that the mesh listens on: free, its own, or taken by somebody else."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from enum import Enum, auto

from thinmesh_core import address
from thinmesh_core.address import Address
from thinmesh_deploy.config import MeshConfig
from thinmesh_deploy.doctor.finding import Finding, ok, warning, wrong
from thinmesh_deploy.doctor.owner import Owner, owner


class Port(Enum):
    """What becomes of a process that would listen there now."""

    FREE = auto()
    TAKEN = auto()
    ELSEWHERE = auto()
    FORBIDDEN = auto()


def look(config: MeshConfig) -> list[Finding]:
    """What is found of each."""
    return [judge(where, at, port, owner(at.port) if port is Port.TAKEN else None) for where, at, port in _ports(config)]


def judge(where: str, at: Address, port: Port, owner: Owner | None) -> Finding:
    """What is to be said of one."""
    another = f"choose another address at {where}"
    if port is Port.FREE:
        return ok(where, f"{at} is free")
    if port is Port.FORBIDDEN:
        what = f"this user may not listen on {at}"
        return warning(where, what, f"{another}, with a port above 1023")
    if port is Port.ELSEWHERE:
        return warning(where, f"{at} is no address of this machine", f"{another}, unless it is another machine's")
    if owner is None:
        do = f"`ss -ltnp`, as root, says whose it is; end it, or {another}"
        return warning(where, f"{at} is taken by another user's process", do)
    by = f"{owner.name} (process {owner.pid})"
    if owner.mesh or (where.startswith("edge.") and owner.name == "nginx"):
        return ok(where, f"{at} is served by {by}")
    return wrong(where, f"{at} is taken by {by}, which is no thinmesh", f"end that, or {another}")


def _ports(config: MeshConfig) -> Iterator[tuple[str, Address, Port]]:
    listen, edge = config.listen, config.edge
    named = {"listen.http": listen.http, "listen.grpc": listen.grpc, "listen.admin": listen.admin}
    if edge is not None:
        named |= {"edge.http": edge.http, "edge.grpc": edge.grpc}
    for where, text in named.items():
        at = address.parse(text)
        if at.path is None and at.port:  # a socket is replaced at the start, and 0 is any free port
            yield where, at, _tried(at)


def _tried(at: Address) -> Port:
    try:
        family, kind, number, _, name = socket.getaddrinfo(at.host, at.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, number) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what has just closed is no obstacle
            one.bind(name)
    except OSError as error:
        return {errno.EADDRINUSE: Port.TAKEN, errno.EACCES: Port.FORBIDDEN}.get(error.errno or 0, Port.ELSEWHERE)
    return Port.FREE
