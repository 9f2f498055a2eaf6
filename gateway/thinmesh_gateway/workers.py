"""What is asked of workers on behalf of a caller, and how their silence is told."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import grpc

from thinmesh_core.behalf import behalf
from thinmesh_core.call import Metadata
from thinmesh_core.channel import Responses, cancelling
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.status import from_rpc_error, lost
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.forwarding import Method

A = TypeVar("A")

ANSWER_SECONDS = 1.0
"""What a worker may take to answer: whoever makes a job is told by then that it can't be made."""


async def asked(method: Method[A], request: Any, call: AuthorizedCall, seconds: float = ANSWER_SECONDS) -> A:
    """What a worker's method answers; JOBS_UNAVAILABLE where none does."""
    try:
        return await method(request, metadata=owned(call), timeout=seconds)
    except grpc.aio.AioRpcError as error:
        raise failure(error) from None


async def heard(answers: Responses[A]) -> AsyncGenerator[A, None]:
    """What a worker's method streams; leaving it ends the call. JOBS_UNAVAILABLE where none answers."""
    try:
        async with cancelling(answers) as coming:
            async for one in coming:
                yield one
    except grpc.aio.AioRpcError as error:
        raise failure(error) from None


def owned(call: AuthorizedCall) -> Metadata:
    """The metadata of a call for a worker: whose it is, and with which roles."""
    return (*call.to_metadata(), *behalf(call.holder.roles, key=call.holder.key is not None))


def failure(error: grpc.aio.AioRpcError) -> MeshError:
    """What a worker said; JOBS_UNAVAILABLE where it said nothing."""
    if lost(error) or error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return MeshError(Reason.JOBS_UNAVAILABLE, "Jobs can't be kept or looked up now; try again shortly.", retry_after=1)
    return from_rpc_error(error)
