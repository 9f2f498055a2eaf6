"""How often work that fails is tried again: as long as it may where the mesh has too much to do, else some times. Pure."""

from __future__ import annotations

import grpc

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.status import DETAILS_KEY, from_rpc_error, lost

LOAD = frozenset(
    {
        Reason.BACKEND_FULL,
        Reason.OVERLOADED,
        Reason.NO_BACKEND,
        Reason.DRAINING,
        Reason.QUOTA_EXCEEDED,
        Reason.QUOTA_UNAVAILABLE,
        Reason.IDENTITY_UNAVAILABLE,
    }
)
"""What is no fault of the work."""

TRIES = 5
"""Of work that fails otherwise, where another attempt may end better."""


def failure(error: grpc.aio.AioRpcError) -> MeshError:
    """Why an attempt failed. Only the mesh itself can say that it has too much to do; or its gateway is gone."""
    if lost(error):
        return MeshError(Reason.NO_BACKEND, "The mesh's gateway can't be reached.")
    told = from_rpc_error(error)
    if told.reason in LOAD and not explained(error):  # gRPC says so of an answer that is too large
        return MeshError(Reason.ENGINE_UNAVAILABLE, "The mesh gave no answer, or one that is too large.")
    return told


def explained(error: grpc.aio.AioRpcError) -> bool:
    """Whether a part of the mesh says what is wrong, and not gRPC alone."""
    return any(key == DETAILS_KEY for key, _ in error.trailing_metadata() or ())
