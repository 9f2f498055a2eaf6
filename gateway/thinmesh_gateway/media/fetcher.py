"""Fetches images of strangers: a name is looked up once, and the connection goes to the very address that was looked at."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Callable
from copy import deepcopy
from functools import cache
from typing import TypeVar

import httptools
from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.capabilities import Request
from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_core.public import Resolver, public
from thinmesh_core.wire import MAX_REQUEST_BYTES
from thinmesh_gateway.media.config import MediaConfig
from thinmesh_gateway.media.target import PORT, Target, target
from thinmesh_gateway.vetting.image import content_fault

_resolve = Resolver("images")

MAX_IMAGES = 8
MAX_HEAD_BYTES = 32 * 1024
PIECE_BYTES = 64 * 1024

R = TypeVar("R", bound=Request)
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Resolve = Callable[[str, int], Awaitable[list[str]]]
Dial = Callable[[str, Target], Awaitable[Stream]]


class Fetcher:
    """Puts images in the place of their addresses; does nothing where the configuration does not say so."""

    def __init__(self, config: MediaConfig, resolve: Resolve, dial: Dial) -> None:
        self._config = config
        self._resolve = resolve
        self._dial = dial

    async def fetched(self, request: R) -> R:
        """The request with its https images in it; INVALID_REQUEST names the message whose image could not be had."""
        if not self._config.fetch or not isinstance(request, pb.GenerateRequest | pb.CountTokensRequest):
            return request
        if not any(_elsewhere(part) for message in request.chat.messages for part in message.content):
            return request
        own = deepcopy(request)
        left = MAX_IMAGES
        for index, message in enumerate(own.chat.messages):
            for part in filter(_elsewhere, message.content):
                left -= 1
                if left < 0:
                    raise invalid(f"messages[{index}].content", f"At most {MAX_IMAGES} images of a request are fetched.")
                part.image.url = await self._fetch(part.image.url, f"messages[{index}].content")
                if own.ByteSize() > MAX_REQUEST_BYTES:
                    raise MeshError(Reason.REQUEST_TOO_LARGE, "The images of the request are too large together.")
        return own

    async def _fetch(self, url: str, param: str) -> str:
        """The image as a data: URL. What went wrong is not told: a stranger could look around with it."""
        where = target(url)
        try:
            if where is not None:
                async with asyncio.timeout(self._config.seconds):
                    kind, data = await self._get(where)
                    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
        except (OSError, TimeoutError, UnicodeError, httptools.HttpParserError):
            pass
        message = (
            f"The image can't be fetched: it must be at a public https:// name, and come at once, without a redirect, within "
            f"{self._config.seconds:g} s, whole and of at most {self._config.max_bytes} bytes."
        )
        raise invalid(param, message)

    async def _get(self, where: Target) -> tuple[str, bytes]:
        addresses = await self._resolve(where.host, PORT)
        if not addresses or not all(map(public, addresses)):
            raise OSError("not public")
        reader, writer = await self._dial(addresses[0], where)
        try:
            lines = (f"GET {where.path} HTTP/1.1", f"host: {where.host}", "user-agent: thinmesh", "accept: image/*")
            writer.write("\r\n".join((*lines, "connection: close", "", "")).encode())
            await writer.drain()
            response = _Response(self._config.max_bytes)
            while not response.whole:
                piece = await reader.read(PIECE_BYTES)
                if not piece:
                    raise OSError("cut")
                response.feed(piece)
        finally:
            writer.close()
        kind = response.headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode()
        if b"content-encoding" in response.headers or content_fault(kind, bytes(response.body)) is not None:
            raise OSError("no image")
        return kind, bytes(response.body)


class _Response:
    """A response as it comes; OSError as soon as it is none that is wanted."""

    def __init__(self, most: int) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.body = bytearray()
        self.whole = False
        self._most = most
        self._in_head = True
        self._taken = 0
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """More of it."""
        self._taken += len(data)
        self._parser.feed_data(data)
        # a piece more than may come, for a head or a body may end inside of one; chunks may be framed by as much as they hold
        if self._taken > MAX_HEAD_BYTES + PIECE_BYTES + (0 if self._in_head else 2 * self._most) or len(self.body) > self._most:
            raise OSError("too large")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The head has come."""
        self._in_head = False
        length = self.headers.get(b"content-length", b"0")
        if self._parser.get_status_code() != 200 or not length.isdigit() or int(length[:12]) > self._most:
            raise OSError("not wanted")

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self.body += body

    def on_message_complete(self) -> None:
        """All has come."""
        self.whole = True


def _elsewhere(part: chat_pb2.ContentPart) -> bool:
    return part.HasField("image") and part.image.url[:8].lower() == "https://"


async def dial(address: str, where: Target) -> Stream:
    """A connection to this address, whose certificate must be the name's."""
    return await asyncio.open_connection(address, PORT, ssl=_trusted(), server_hostname=where.host, limit=PIECE_BYTES)


@cache
def _trusted() -> ssl.SSLContext:
    """Whom the machine trusts, read once: that takes 50 ms of the loop."""
    return ssl.create_default_context()


def build(config: MediaConfig) -> Fetcher:
    """The fetcher of a configuration."""
    return Fetcher(config, _resolve, dial)


NO_FETCHER = build(MediaConfig())
"""Fetches nothing."""
