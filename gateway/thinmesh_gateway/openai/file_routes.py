"""OpenAI's files: what each route does with an authenticated call."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from thinmesh.job.v1 import file_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_core.http import Message, Receive, Send
from thinmesh_gateway.attendance import Attendance
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.exchange import Answer, Request, as_json, raw
from thinmesh_gateway.files import Files
from thinmesh_gateway.openai import durable_bodies as bodies
from thinmesh_gateway.openai.multipart import Form

MAX_FORM_BYTES = (1 << 30) + 64 * 1024
"""More than any configuration lets a file have; the worker says how much that is."""

PIECE_BYTES = 1024 * 1024

ORDERS = {"asc": True, "desc": False}


class FileRoutes:
    """One method a route. NOT_FOUND where the mesh has no jobs."""

    def __init__(self, files: Files | None) -> None:
        self._given = files

    async def upload(self, request: Request, call: AuthorizedCall) -> Answer:
        """POST /v1/files."""
        return as_json(bodies.file(await self._files.upload(_parts(request), call)))

    async def files(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v1/files."""
        order = request.query("order") or "desc"
        if order not in ORDERS:
            raise invalid("order", "order must be asc or desc.")
        asked = pb.ListFilesRequest(
            limit=whole("limit", request.query("limit")),
            after=request.query("after"),
            purpose=request.query("purpose"),
            oldest_first=ORDERS[order],
        )
        page = await self._files.page(asked, call)
        data = [bodies.file(one) for one in page.files]
        return as_json(bodies.Files(data, page.more, data[0].id if data else None, data[-1].id if data else None))

    async def file(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v1/files/{file}."""
        return as_json(bodies.file(await self._files.get(request.parameter("file"), call)))

    async def delete(self, request: Request, call: AuthorizedCall) -> Answer:
        """DELETE /v1/files/{file}."""
        file_id = request.parameter("file")
        await self._files.delete(file_id, call)
        return as_json(bodies.Deleted(file_id))

    async def content(self, request: Request, call: AuthorizedCall) -> Download:
        """GET /v1/files/{file}/content."""
        parts = self._files.download(request.parameter("file"), call)
        try:
            first = await anext(parts)
        except BaseException:
            await parts.aclose()
            raise
        return Download(first.file, parts)

    @property
    def _files(self) -> Files:
        if self._given is None:
            raise without_jobs()
        return self._given


class Download:
    """A file as it comes; a client that reads slowly slows the store."""

    def __init__(self, file: pb.File, parts: AsyncGenerator[pb.DownloadFileResponse, None]) -> None:
        self.headers = {"content-type": "application/octet-stream", "content-length": str(file.size)}
        self._parts = parts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Sends it. Where it breaks off, the connection does: fewer bytes came than were announced."""
        async with aclosing(self._parts):
            try:
                async with Attendance(receive):
                    await send({"type": "http.response.start", "status": 200, "headers": raw(self.headers)})
                    async for part in self._parts:
                        await send({"type": "http.response.body", "body": part.piece, "more_body": True})
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            except MeshError as error:
                if error.reason is not Reason.CANCELLED:  # the client went away: nobody is left to tell
                    raise


def without_jobs() -> MeshError:
    """That there is nothing here to keep anything."""
    return MeshError(
        Reason.NOT_FOUND, "Jobs, files, batches and responses are not kept by this mesh: put `jobs: {}` into its thinmesh.yaml."
    )


def whole(name: str, text: str | None) -> int | None:
    """A number of the query."""
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 5 or not 0 < int(text) <= 10_000:
        raise invalid(name, f"{name} must be a number from 1 to 10000.")
    return int(text)


async def _parts(request: Request) -> AsyncGenerator[pb.UploadFileRequest, None]:
    """A form as an upload: what the file is goes first where it is known by then, so that a wrong one is not sent in vain."""
    form, told = Form(), False
    async with (
        aclosing(request.pieces(MAX_FORM_BYTES)) as body,
        aclosing(form.pieces(request.header("content-type") or "", body)) as pieces,
    ):
        async for piece in pieces:
            if not told and "purpose" in form.fields:
                yield pb.UploadFileRequest(about=_about(form))
                told = True
            for start in range(0, len(piece), PIECE_BYTES):
                yield pb.UploadFileRequest(piece=piece[start : start + PIECE_BYTES])
    yield pb.UploadFileRequest(about=_about(form))


def _about(form: Form) -> pb.FileAbout:
    anchor, seconds = form.fields.get("expires_after[anchor]"), form.fields.get("expires_after[seconds]")
    if anchor not in {None, "created_at"} or (seconds is not None and not seconds.isdecimal()):
        raise invalid("expires_after", "expires_after must be an anchor, created_at, and a number of seconds.")
    kept = None if seconds is None else min(int(seconds[:10]), (1 << 32) - 1)
    return pb.FileAbout(name=form.filename or "", purpose=form.fields.get("purpose", ""), seconds=kept)
