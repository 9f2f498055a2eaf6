"""HTTP to an OpenAI-compatible engine, by aiohttp: over TCP, TLS or a unix socket, every wait bounded.

Why aiohttp: docs/adr/0008-aiohttp-to-engines.md.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import aiohttp
import msgspec

from thinmesh_adapters.openai.translate import Body
from thinmesh_core.errors import MeshError, Reason

T = TypeVar("T")

MAX_LINE_BYTES = 4 * 1024 * 1024
"""Longest line of a stream; an engine that sends more without an end is broken."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Largest whole answer."""

CONNECT_SECONDS = 5.0

KEEPALIVE_SECONDS = 2.0
"""How long an idle connection is kept. Engines close theirs after 5 s (uvicorn, llama.cpp); a call must not meet that."""


class _ErrorBody(msgspec.Struct):
    code: str | int | None = None
    type: str | None = None
    message: str | None = None


class _Error(msgspec.Struct):
    error: _ErrorBody


class EngineClient:
    """A session with one engine; `socket` replaces the URL's host.

    `idle_seconds` bounds the wait for a stream's next byte, `answer_seconds` that for a whole answer's.
    """

    def __init__(
        self, base_url: str, *, key: str | None, idle_seconds: float, answer_seconds: float, socket: Path | None = None
    ) -> None:
        self._base = base_url.rstrip("/")
        self._headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=idle_seconds)
        self._patient = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=answer_seconds)
        self._socket = socket
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Opens the session; connections are made when they are needed."""
        # limit=0: how many calls run at once is the host's to say, not the pool's
        connector: aiohttp.BaseConnector
        if self._socket is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS)
        else:
            # A local connection costs next to nothing, and llama.cpp closes after each stream without saying so.
            connector = aiohttp.UnixConnector(str(self._socket), limit=0, force_close=True)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("accept-encoding", "user-agent"),  # unpacking costs more than a short way's bytes
            auto_decompress=False,
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Closes every connection."""
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, kind: type[T]) -> T:
        """The answer to a GET, typed."""
        return await self._whole("GET", path, None, None, self._timeout, kind)

    async def post(self, path: str, body: Body, kind: type[T], *, request_id: str) -> T:
        """The answer to a POST, typed."""
        return await self._whole("POST", path, body, request_id, self._patient, kind)

    async def stream(self, path: str, body: Body, *, request_id: str) -> AsyncGenerator[list[bytes], None]:
        """What stands behind `data:` in each event, as many as one read brought; ends before `[DONE]`.

        Leaving it closes the connection, which is how an engine learns that nobody listens any more.
        """
        try:
            async with await self._send("POST", path, body, request_id, self._timeout) as response:
                rest = b""
                while True:
                    read = await response.content.readany()
                    if not read:
                        raise MeshError(Reason.ENGINE_UNAVAILABLE, "The model's engine was lost while it answered.")
                    lines = (rest + read).split(b"\n")
                    rest = lines.pop()
                    if len(rest) > MAX_LINE_BYTES:
                        raise MeshError(Reason.ENGINE_PROTOCOL, "The model's engine sent a line without an end.")
                    events = [line[5:].strip() for line in lines if line.startswith(b"data:")]
                    if b"[DONE]" in events:
                        if not response.content.at_eof():
                            response.close()  # what was left in the middle must not carry the next call
                        yield events[: events.index(b"[DONE]")]
                        return
                    if events:
                        yield events
        except (TimeoutError, aiohttp.ClientError) as error:
            raise _lost(error) from error

    async def _whole(
        self,
        method: str,
        path: str,
        body: Body | None,
        request_id: str | None,
        patience: aiohttp.ClientTimeout,
        kind: type[T],
    ) -> T:
        data = bytearray()
        try:
            async with await self._send(method, path, body, request_id, patience) as response:
                while piece := await response.content.readany():
                    data += piece
                    if len(data) > MAX_ANSWER_BYTES:
                        raise MeshError(Reason.ENGINE_PROTOCOL, "The model's engine sent an answer that is too large.")
        except (TimeoutError, aiohttp.ClientError) as error:
            raise _lost(error) from error
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise MeshError(Reason.ENGINE_PROTOCOL, "The model's engine sent what is no answer.") from error

    async def _send(
        self, method: str, path: str, body: Body | None, request_id: str | None, patience: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """What the engine answers with status 200; asked on a second connection where an idle one was just being closed."""
        assert self._session is not None, "the client is used before it is entered"
        ask = partial(
            self._session.request,
            *(method, self._base + path),
            data=None if body is None else msgspec.json.encode(body),
            headers=None if request_id is None else {"x-request-id": request_id},
            timeout=patience,
            allow_redirects=False,
        )
        try:
            response = await ask()
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            response = await ask()
        if response.status != 200:
            async with response:
                raise _refusal(response.status, await response.content.read(MAX_LINE_BYTES))
        return response


def _lost(error: Exception) -> MeshError:
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
