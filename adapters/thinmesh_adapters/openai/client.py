"""What is asked of an OpenAI-compatible engine, and what its answers and refusals mean; every wait is bounded."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from http import HTTPStatus
from pathlib import Path
from typing import Self, TypeVar

import msgspec
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.http.connection import Connection, LostError
from thinmesh_adapters.http.origin import Headers, Origin
from thinmesh_adapters.http.pool import Pool
from thinmesh_adapters.openai.answer import Answer
from thinmesh_adapters.openai.translate import Body
from thinmesh_core.errors import MeshError, Reason

T = TypeVar("T")

MAX_LINE_BYTES = 4 * 1024 * 1024
"""Longest line of a stream; an engine that sends more without an end is broken."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Largest whole answer."""

MAX_REFUSAL_BYTES = 1024 * 1024
"""Of an engine's error that are read."""

KEEPALIVE_SECONDS = 2.0
"""How long an idle connection is kept. Engines close theirs after 5 s (uvicorn, llama.cpp); a call must not meet that."""


class _ErrorBody(msgspec.Struct):
    code: str | int | None = None
    type: str | None = None
    message: str | None = None


class _Error(msgspec.Struct):
    error: _ErrorBody


class EngineClient:
    """What is asked of one engine; `socket` replaces the URL's host.

    `idle_seconds` bounds the wait for a stream's next byte, `answer_seconds` that for a whole answer's.
    """

    def __init__(
        self, base_url: str, *, key: str | None, idle_seconds: float, answer_seconds: float, socket: Path | None = None
    ) -> None:
        self._origin = Origin(base_url, key, socket)
        # A local connection costs next to nothing, and llama.cpp closes after each stream without saying so.
        self._pool = Pool(self._origin, KEEPALIVE_SECONDS if socket is None else 0)
        self._idle_seconds = idle_seconds
        self._answer_seconds = answer_seconds

    async def __aenter__(self) -> Self:
        """Nothing to do: connections are made when they are needed."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Closes the connections that are kept."""
        self._pool.close()

    async def get(self, path: str, kind: type[T]) -> T:
        """The answer to a GET, typed."""
        return await self._whole(self._origin.request("GET", path, b"", {}), self._idle_seconds, kind)

    async def post(self, path: str, body: Body, kind: type[T], *, headers: Headers) -> T:
        """The answer to a POST, typed."""
        return await self._whole(self._post(path, body, headers), self._answer_seconds, kind)

    async def stream(
        self, path: str, body: Body, answer: Answer, *, headers: Headers
    ) -> AsyncGenerator[pb.GenerateEvent, None]:
        """The answer to a POST as events of the contract; what one read brought is one event.

        Leaving it closes the connection, which is how an engine learns that nobody listens any more.
        """
        try:
            connection = await self._ask(self._post(path, body, headers), self._idle_seconds)
            try:
                rest = b""
                while True:
                    read = await connection.read()
                    if not read:
                        raise MeshError(Reason.ENGINE_UNAVAILABLE, "The model's engine was lost while it answered.")
                    lines = (rest + read).split(b"\n")
                    rest = lines.pop()
                    if len(rest) > MAX_LINE_BYTES:
                        raise MeshError(Reason.ENGINE_PROTOCOL, "The model's engine sent a line without an end.")
                    event = pb.GenerateEvent()
                    done = answer.read(lines, event)
                    if event.deltas or event.finishes:
                        yield event
                    if done:
                        break
            finally:
                self._pool.give_back(connection)
        except OSError as error:
            raise _lost(error) from error
        yield answer.end()

    def _post(self, path: str, body: Body, headers: Headers) -> bytes:
        return self._origin.request("POST", path, msgspec.json.encode(body), headers)

    async def _whole(self, request: bytes, patience: float, kind: type[T]) -> T:
        try:
            connection = await self._ask(request, patience)
            try:
                data = await _all(connection, MAX_ANSWER_BYTES)
            finally:
                self._pool.give_back(connection)
        except OSError as error:
            raise _lost(error) from error
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise MeshError(Reason.ENGINE_PROTOCOL, "The model's engine sent what is no answer.") from error

    async def _ask(self, request: bytes, patience: float) -> Connection:
        """Where an answer with status 200 comes; asked on a second connection where an idle one was just being closed."""
        connection = self._pool.idle()
        if connection is not None:
            try:
                return await self._answering(connection, request, patience)
            except LostError as error:
                if error.answered:
                    raise
        return await self._answering(await self._pool.connect(), request, patience)

    async def _answering(self, connection: Connection, request: bytes, patience: float) -> Connection:
        connection.send(request, patience)
        try:
            status = await connection.status()
            if status == HTTPStatus.OK:
                return connection
            refusal = _refusal(status, await _all(connection, MAX_REFUSAL_BYTES))
        except BaseException:
            self._pool.give_back(connection)
            raise
        self._pool.give_back(connection)
        raise refusal


async def _all(connection: Connection, most: int) -> bytes:
    """The whole body."""
    data = await connection.read()
    if connection.complete:  # most answers come at once
        return data
    whole = bytearray(data)
    while piece := await connection.read():
        whole += piece
        if len(whole) > most:
            raise MeshError(Reason.ENGINE_PROTOCOL, "The model's engine sent an answer that is too large.")
    return bytes(whole)


def _lost(error: OSError) -> MeshError:
    if isinstance(error, TimeoutError):
        return MeshError(Reason.ENGINE_UNAVAILABLE, "The model's engine fell silent.")
    return MeshError(Reason.ENGINE_UNAVAILABLE, "The model's engine can't be reached; try again shortly.")


def _refusal(status: int, body: bytes) -> MeshError:
    """What an engine's HTTP error means to the caller; its text decides, and stays inside."""
    match status:
        case 400 | 413 | 422:
            if _about_context(body):
                return MeshError(
                    Reason.CONTEXT_LENGTH_EXCEEDED,
                    "The input is longer than the model's context; shorten it.",
                    param="messages",
                )
            return MeshError(Reason.INVALID_REQUEST, "The model's engine refused the request as invalid.")
        case 404:
            return MeshError(Reason.MODEL_NOT_FOUND, "The model's engine does not serve this model.", param="model")
        case 429 | 503:
            return MeshError(Reason.BACKEND_FULL, "The model is busy; try again shortly.", retry_after=1)
        case _:
            return MeshError(Reason.ENGINE_ERROR, "The model's engine failed.")


def _about_context(body: bytes) -> bool:
    try:
        error = msgspec.json.decode(body, type=_Error).error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    named = f"{error.code} {error.type} {error.message}".lower()
    return "context_length" in named or "context_size" in named or "maximum context" in named or "context length" in named
