"""Kept responses, at the workers, on behalf of the caller."""

from __future__ import annotations

from collections.abc import Callable

import grpc
from thinmesh.job.v1 import response_service_pb2 as pb
from thinmesh.job.v1 import response_service_pb2_grpc as response_grpc

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.replies.record import Record, packed, unpacked
from thinmesh_gateway.workers import asked

STORE_SECONDS = 10.0
"""What a worker may take to read or write a record: the store may be far."""


class Kept:
    """The workers' ResponseService. What was made with a model that the caller may not use is not for it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._workers = response_grpc.ResponseServiceStub(channel)

    async def begin(
        self, previous_id: str | None, call: AuthorizedCall, hold: Callable[[int], None]
    ) -> tuple[str, Record | None]:
        """The id of a new response, and the record of the one before it, for whose size `hold` has room.

        JOBS_UNAVAILABLE where none could be kept.
        """
        request = pb.BeginResponseRequest(previous_id=previous_id)
        seconds = {} if previous_id is None else {"seconds": STORE_SECONDS}
        try:
            begun = await asked(self._workers.BeginResponse, request, call, **seconds)
        except MeshError as error:
            if error.reason is Reason.NOT_FOUND:
                raise MeshError(Reason.NOT_FOUND, error.message, param="previous_response_id") from None
            raise
        hold(len(begun.previous))
        return begun.id, _opened(begun.previous, call) if begun.HasField("previous") else None

    async def put(self, record: Record, call: AuthorizedCall, *, known: bool = False) -> None:
        """Keeps a record; with `known` one must be there."""
        request = pb.PutResponseRequest(id=record.response.id, record=packed(record), known=known)
        await asked(self._workers.PutResponse, request, call, STORE_SECONDS)

    async def get(self, response_id: str, call: AuthorizedCall) -> Record:
        """A record."""
        call.trail.object = response_id[:64]
        found = await asked(self._workers.GetResponse, pb.GetResponseRequest(id=response_id), call, STORE_SECONDS)
        return _opened(found.record, call)

    async def remove(self, response_id: str, call: AuthorizedCall) -> None:
        """The end of a record."""
        await asked(self._workers.DeleteResponse, pb.DeleteResponseRequest(id=response_id), call, STORE_SECONDS)


def _opened(data: bytes, call: AuthorizedCall) -> Record:
    record = unpacked(data)
    call.check(record.response.model)
    return record
