"""Which part of the mesh may call which service of another, by the role in its certificate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grpc.aio import ServicerContext

from thinmesh_core.errors import MeshError, Reason

Context = ServicerContext[Any, Any]

SUFFIX = ".thinmesh"
"""A certificate for `router.thinmesh` is a router's, wherever it listens."""

GATEWAY = "gateway"
ROUTER = "router"
ADAPTER = "adapter"
WORKER = "worker"
EDGE = "edge"
OPERATOR = "operator"
AUTOSCALER = "autoscaler"

Services = Mapping[str, frozenset[str]]
"""Services by their full names, and the roles that may call each."""


def roles(context: Context) -> frozenset[str] | None:
    """The roles of whoever calls over TLS; None where there is no TLS: sockets and loopback are this machine's own."""
    auth = context.auth_context()
    if auth.get("transport_security_type") != [b"ssl"]:
        return None
    names = [name.decode(errors="replace") for name in auth.get("x509_subject_alternative_name", ())]
    return frozenset(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))


def check(context: Context, allowed: frozenset[str]) -> None:
    """PERMISSION_DENIED where the caller's certificate has none of these roles."""
    has = roles(context)
    if has is not None and not has & allowed:
        raise MeshError(
            Reason.PERMISSION_DENIED,
            f"A peer with the role {', '.join(sorted(has)) or 'none'} may not call this; its certificate needs one of: "
            f"{', '.join(sorted(allowed))}.",
        )
