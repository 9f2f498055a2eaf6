"""ResponseService, for the gateway: it has looked at who calls, and knows what is in a record."""

from __future__ import annotations

import secrets
import time

from thinmesh.job.v1 import response_service_pb2 as pb
from thinmesh.job.v1 import response_service_pb2_grpc as response_grpc

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.peers import Context
from thinmesh_core.wire import MAX_RECORD_BYTES
from thinmesh_pipelines import caller
from thinmesh_pipelines.files.service import stored
from thinmesh_pipelines.responses.responses import Responses, new_id


class ResponseService(response_grpc.ResponseServiceServicer):
    """Each method is of the calling tenant's responses alone."""

    def __init__(self, responses: Responses) -> None:
        self._responses = responses

    async def BeginResponse(self, request: pb.BeginResponseRequest, context: Context) -> pb.BeginResponseResponse:
        """A new id, and what is kept of the response before."""
        begun = pb.BeginResponseResponse(id=new_id(time.time(), secrets.token_bytes(16)))
        if request.HasField("previous_id"):
            with stored():
                begun.previous = await self._responses.get(caller.tenant(context), request.previous_id)
        return begun

    async def PutResponse(self, request: pb.PutResponseRequest, context: Context) -> pb.PutResponseResponse:
        """Keeps a record."""
        if len(request.record) > MAX_RECORD_BYTES:
            raise MeshError(Reason.REQUEST_TOO_LARGE, f"A response of more than {MAX_RECORD_BYTES} bytes can't be kept.")
        with stored():
            await self._responses.put(caller.tenant(context), request.id, request.record, known=request.known)
        return pb.PutResponseResponse()

    async def GetResponse(self, request: pb.GetResponseRequest, context: Context) -> pb.GetResponseResponse:
        """A record."""
        with stored():
            return pb.GetResponseResponse(record=await self._responses.get(caller.tenant(context), request.id))

    async def DeleteResponse(self, request: pb.DeleteResponseRequest, context: Context) -> pb.DeleteResponseResponse:
        """The end of a record."""
        with stored():
            await self._responses.remove(caller.tenant(context), request.id)
        return pb.DeleteResponseResponse()
