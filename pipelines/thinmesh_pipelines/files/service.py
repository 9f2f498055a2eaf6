"""FileService, for the gateway: it has looked at who calls."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager

from thinmesh.job.v1 import file_service_pb2 as pb
from thinmesh.job.v1 import file_service_pb2_grpc as file_grpc

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_core.peers import Context
from thinmesh_pipelines import caller
from thinmesh_pipelines.files.config import FilesConfig
from thinmesh_pipelines.files.files import Files, Writing
from thinmesh_pipelines.files.record import MINE, new_id
from thinmesh_pipelines.payloads.objects import StoreUnavailableError

LARGEST_PAGE = 10_000
LONGEST_NAME = 255
SHORTEST_SECONDS = 3600


class FileService(file_grpc.FileServiceServicer):
    """Each method is of the calling tenant's files alone."""

    def __init__(self, files: Files, config: FilesConfig) -> None:
        self._files = files
        self._config = config

    async def UploadFile(
        self, requests: AsyncIterator[pb.UploadFileRequest], context: Context
    ) -> AsyncGenerator[pb.UploadFileResponse, None]:
        """The file, once all of it has come."""
        tenant, now = caller.tenant(context), time.time()
        with stored():
            await self._files.room(tenant)
            writing = self._files.writing(tenant, new_id(now, secrets.token_bytes(16)))
            try:
                about = await self._written(requests, writing)
                seconds = about.seconds if about.HasField("seconds") else self._longest
                record = await writing.keep(about.name, about.purpose, int(now), seconds)
            except BaseException:
                await writing.drop()
                raise
        yield pb.UploadFileResponse(file=record.told())

    async def GetFile(self, request: pb.GetFileRequest, context: Context) -> pb.GetFileResponse:
        """A file."""
        with stored():
            return pb.GetFileResponse(file=(await self._files.get(caller.tenant(context), request.id)).told())

    async def ListFiles(self, request: pb.ListFilesRequest, context: Context) -> pb.ListFilesResponse:
        """A page of files."""
        limit = request.limit if request.HasField("limit") else LARGEST_PAGE
        if not 1 <= limit <= LARGEST_PAGE:
            raise invalid("limit", f"limit must be 1 to {LARGEST_PAGE}.")
        after = request.after if request.HasField("after") else None
        purpose = request.purpose if request.HasField("purpose") else None
        with stored():
            found, more = await self._files.page(
                caller.tenant(context), limit, after, purpose, oldest_first=request.oldest_first
            )
        return pb.ListFilesResponse(files=[one.told() for one in found], more=more)

    async def DeleteFile(self, request: pb.DeleteFileRequest, context: Context) -> pb.DeleteFileResponse:
        """The end of a file."""
        with stored():
            await self._files.remove(caller.tenant(context), request.id)
        return pb.DeleteFileResponse()

    async def DownloadFile(
        self, request: pb.DownloadFileRequest, context: Context
    ) -> AsyncGenerator[pb.DownloadFileResponse, None]:
        """What the file is, then what is in it."""
        tenant = caller.tenant(context)
        with stored():
            record = await self._files.get(tenant, request.id)
            yield pb.DownloadFileResponse(file=record.told())
            async with aclosing(self._files.content(tenant, record)) as pieces:
                async for piece in pieces:
                    yield pb.DownloadFileResponse(piece=piece)

    async def _written(self, requests: AsyncIterator[pb.UploadFileRequest], writing: Writing) -> pb.FileAbout:
        """Writes what comes; gives what it is, which was said on the way."""
        about: pb.FileAbout | None = None
        async for request in requests:
            if request.HasField("about"):
                about = self._checked(request.about)
                continue
            if writing.size + len(request.piece) > self._config.max_bytes:
                raise MeshError(
                    Reason.REQUEST_TOO_LARGE, f"The file is larger than {self._config.max_bytes} bytes.", param="file"
                )
            await writing.write(request.piece)
        if about is None:
            raise invalid("purpose", "Say what the file is: its name, and its purpose, `batch`.")
        if not writing.size:
            raise invalid("file", "The file is empty.")
        return about

    def _checked(self, about: pb.FileAbout) -> pb.FileAbout:
        if about.purpose != MINE:
            raise invalid("purpose", f"purpose must be {MINE}.")
        if not 0 < len(about.name) <= LONGEST_NAME:
            raise invalid("file", f"The file's name must have 1 to {LONGEST_NAME} characters.")
        if about.HasField("seconds") and not SHORTEST_SECONDS <= about.seconds <= self._longest:
            raise invalid("expires_after", f"A file is kept from {SHORTEST_SECONDS} to {self._longest} seconds.")
        return about

    @property
    def _longest(self) -> int:
        return self._config.keep_days * 86_400


@contextmanager
def stored() -> Iterator[None]:
    """Says in the mesh's words that the store does not answer."""
    try:
        yield
    except StoreUnavailableError as error:
        raise MeshError(
            Reason.JOBS_UNAVAILABLE, "Files can't be kept or read now; try again shortly.", retry_after=1
        ) from error
