"""One HTTP exchange as ASGI has it: what came, and the whole answer that goes back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_core.http import Message, Receive, Send
from thinmesh_core.intake import Intake
from thinmesh_core.wire import MAX_REQUEST_BYTES
from thinmesh_gateway.identity.guesses import FORWARDED, origin

JSON = "application/json"

MAX_PAIRS = 64
"""Of a query."""

_FORWARDED = FORWARDED.encode()


class Reply(Protocol):
    """What an endpoint gives: an ASGI application, whose `headers` may be added to until it is called."""

    headers: dict[str, str]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Sends it."""
        ...


class Request:
    """What came. `header` gives a header by its name in lower case, of several the first.

    `told` is what the router says beside its answer. `intake` has room for its body until the request is closed.
    """

    __slots__ = ("_body", "_held", "_intake", "_scope", "header", "receive", "told")

    def __init__(self, scope: Message, receive: Receive, intake: Intake) -> None:
        self._scope = scope
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}
        self.header: Callable[[str], str | None] = headers.get
        self._body: bytes | None = None
        self._intake = intake
        self._held = 0
        self.receive = receive
        self.told: dict[str, str] = {}

    @property
    def method(self) -> str:
        """GET, POST, ..."""
        method: str = self._scope["method"]
        return method

    @property
    def path(self) -> str:
        """The path, unquoted."""
        path: str = self._scope["path"]
        return path

    @property
    def origin(self) -> str:
        """What a stranger is counted by."""
        peer = self._scope.get("client")
        said = [value for name, value in self._scope["headers"] if name == _FORWARDED]
        return origin(peer[0] if peer else "", b",".join(said).decode("latin-1"))

    def parameter(self, name: str) -> str:
        """A part of the path that its route names; "" where the route names none such."""
        value: str = self._scope.get("path_params", {}).get(name, "")
        return value

    def query(self, name: str) -> str | None:
        """A pair of the query by its name, the last one where there are several."""
        text = self._scope.get("query_string", b"").decode("latin-1")
        try:
            pairs = parse_qs(text, keep_blank_values=True, max_num_fields=MAX_PAIRS)
        except ValueError:
            raise invalid("query", f"The query has more than {MAX_PAIRS} pairs.") from None
        return pairs[name][-1] if name in pairs else None

    async def read(self) -> bytes:
        """The body, as often as it is asked for.

        REQUEST_TOO_LARGE, or OVERLOADED where all bodies together are, as soon as that is known and without reading on.
        """
        if self._body is None:
            self._body = await self._read()
        return self._body

    async def pieces(self, most: int) -> AsyncGenerator[bytes, None]:
        """The body as it comes, of which no more is held than its last piece; REQUEST_TOO_LARGE above so many bytes."""
        self._expect(most)
        size, more = 0, True
        while more:
            piece, more = await self._piece()
            size += len(piece)
            if size > most:
                raise _too_large(most)
            yield piece

    async def _read(self) -> bytes:
        self._expect(MAX_REQUEST_BYTES)
        body, more = bytearray(), True
        while more:
            piece, more = await self._piece()
            if len(body) + len(piece) > MAX_REQUEST_BYTES:
                raise _too_large(MAX_REQUEST_BYTES)
            self.hold(len(piece))
            body += piece
        return bytes(body)

    def _expect(self, most: int) -> None:
        """Refuses a body before it comes, where its head says that it is coded or too large."""
        encoding = self.header("content-encoding")
        if encoding is not None and encoding.lower() not in {"", "identity"}:
            raise invalid("content-encoding", f"The content-encoding {encoding!r} is not taken: send the body as it is.")
        declared = self.header("content-length") or ""
        if declared.isdecimal() and int(declared) > most:
            raise _too_large(most)

    async def _piece(self) -> tuple[bytes, bool]:
        """The next piece, and whether more come."""
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise MeshError(Reason.CANCELLED, "The client went away.")
        return message.get("body", b""), message.get("more_body", False)

    def hold(self, size: int) -> None:
        """Takes room for what was fetched on its behalf, or is more than its body."""
        self._intake.take(size)
        self._held += size

    def close(self) -> None:
        """Ends it: its body needs no room any more."""
        self._intake.give(self._held)
        self._held, self._body = 0, None


class Answer:
    """A whole answer."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, body: bytes, headers: dict[str, str] | None = None, status: int = 200, media_type: str = JSON) -> None:
        self.body = body
        self.status = status
        self.headers = {"content-type": media_type, "content-length": str(len(body))} | (headers or {})

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Sends it."""
        await send({"type": "http.response.start", "status": self.status, "headers": raw(self.headers)})
        await send({"type": "http.response.body", "body": self.body})

    def packed(self) -> bytes:
        """All of it as bytes, to be kept."""
        return msgspec.msgpack.encode((self.body, self.headers, self.status))


def as_json(body: msgspec.Struct | dict[str, Any], status: int = 200) -> Answer:
    """The answer of a body."""
    return Answer(msgspec.json.encode(body), status=status)


def unpacked(data: bytes) -> Answer:
    """The answer that was packed."""
    body, headers, status = msgspec.msgpack.decode(data, type=tuple[bytes, dict[str, str], int])
    return Answer(body, headers, status)


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI sends them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _too_large(most: int) -> MeshError:
    return MeshError(Reason.REQUEST_TOO_LARGE, f"The body is larger than {most} bytes.")
