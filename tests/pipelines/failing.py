"""What gRPC says of a call that failed: by itself, or with what the mesh said."""

from __future__ import annotations

import grpc
from grpc.aio import AioRpcError, Metadata

from thinmesh_core.errors import TABLE, MeshError, Reason
from thinmesh_core.status import to_trailer


def unexplained(code: grpc.StatusCode) -> AioRpcError:
    """gRPC's own."""
    return AioRpcError(code, Metadata(), Metadata(), "gRPC says so")


def explained(reason: Reason) -> AioRpcError:
    """The mesh's."""
    return AioRpcError(TABLE[reason].grpc, Metadata(), Metadata(to_trailer(MeshError(reason, "The mesh says so."))), "")


LOST = unexplained(grpc.StatusCode.UNAVAILABLE)
TOO_LATE = unexplained(grpc.StatusCode.DEADLINE_EXCEEDED)
TOO_LARGE = unexplained(grpc.StatusCode.RESOURCE_EXHAUSTED)
