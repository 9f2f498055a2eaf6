"""FileService for whoever has a key: files go through here piece by piece, and lie with the workers' payloads."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import grpc
from thinmesh.job.v1 import file_service_pb2 as pb
from thinmesh.job.v1 import file_service_pb2_grpc as file_grpc

from thinmesh_core.channel import cancelling
from thinmesh_core.errors import MeshError, internal
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.reception import Context, Reception
from thinmesh_gateway.workers import asked, failure, heard, owned

FILE_SECONDS = 10.0
"""What a worker may take to look files up: the store may be far."""

TRANSFER_SECONDS = 3600.0
"""What a whole file may take on its way."""


class Files(file_grpc.FileServiceServicer):
    """Forwards to the workers' FileService on behalf of the caller."""

    def __init__(self, reception: Reception, channel: grpc.aio.Channel) -> None:
        self._reception = reception
        self._workers = file_grpc.FileServiceStub(channel)

    async def UploadFile(
        self, requests: AsyncIterator[pb.UploadFileRequest], context: Context
    ) -> AsyncGenerator[pb.UploadFileResponse, None]:
        """The file, once all of it has come."""
        with self._reception.streaming(context) as call:
            yield pb.UploadFileResponse(file=await self.upload(requests, call))

    async def GetFile(self, request: pb.GetFileRequest, context: Context) -> pb.GetFileResponse:
        """A file."""
        with self._reception.admit(context) as call:
            return pb.GetFileResponse(file=await self.get(request.id, call))

    async def ListFiles(self, request: pb.ListFilesRequest, context: Context) -> pb.ListFilesResponse:
        """A page of files."""
        with self._reception.admit(context) as call:
            return await self.page(request, call)

    async def DeleteFile(self, request: pb.DeleteFileRequest, context: Context) -> pb.DeleteFileResponse:
        """The end of a file."""
        with self._reception.admit(context) as call:
            await self.delete(request.id, call)
            return pb.DeleteFileResponse()

    async def DownloadFile(
        self, request: pb.DownloadFileRequest, context: Context
    ) -> AsyncGenerator[pb.DownloadFileResponse, None]:
        """What the file is, then what is in it."""
        with self._reception.streaming(context) as call:
            async with aclosing(self.download(request.id, call)) as parts:
                async for part in parts:
                    yield part

    async def upload(self, requests: AsyncIterator[pb.UploadFileRequest], call: AuthorizedCall) -> pb.File:
        """The file, once all of it has come; where the requests break off it is for their reason."""
        taken = _Taken(requests)
        try:
            async with cancelling(
                self._workers.UploadFile(aiter(taken), metadata=owned(call), timeout=TRANSFER_SECONDS)
            ) as uploading:
                async for answer in uploading:
                    call.trail.object = answer.file.id
                    return answer.file
        except grpc.aio.AioRpcError as error:
            raise (taken.broken or failure(error)) from None
        raise taken.broken or internal()

    async def get(self, file_id: str, call: AuthorizedCall) -> pb.File:
        """A file."""
        return (await asked(self._workers.GetFile, pb.GetFileRequest(id=file_id), call, FILE_SECONDS)).file

    async def page(self, request: pb.ListFilesRequest, call: AuthorizedCall) -> pb.ListFilesResponse:
        """A page of files."""
        return await asked(self._workers.ListFiles, request, call, FILE_SECONDS)

    async def delete(self, file_id: str, call: AuthorizedCall) -> None:
        """The end of a file."""
        await asked(self._workers.DeleteFile, pb.DeleteFileRequest(id=file_id), call, FILE_SECONDS)
        call.trail.object = file_id

    async def download(self, file_id: str, call: AuthorizedCall) -> AsyncGenerator[pb.DownloadFileResponse, None]:
        """What the file is, then what is in it."""
        request = pb.DownloadFileRequest(id=file_id)
        downloading = self._workers.DownloadFile(request, metadata=owned(call), timeout=TRANSFER_SECONDS)
        async with aclosing(heard(downloading)) as parts:
            async for part in parts:
                yield part


class _Taken:
    """Requests on their way. A network channel tells nobody why they broke off, so that is remembered here."""

    def __init__(self, requests: AsyncIterator[pb.UploadFileRequest]) -> None:
        self._requests = requests
        self.broken: MeshError | None = None

    async def __aiter__(self) -> AsyncGenerator[pb.UploadFileRequest, None]:
        """Each of them."""
        try:
            async for request in self._requests:
                yield request
        except MeshError as error:
            self.broken = error
            raise
