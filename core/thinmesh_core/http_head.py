"""A bound for what comes in front of an HTTP body, and behind it. uvicorn's faster protocol collects both without end."""

from __future__ import annotations

from collections import deque

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from thinmesh_core.one_write import OneWrite
from thinmesh_core.wire import MAX_METADATA_BYTES, METADATA_PAIR_OVERHEAD

_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
    b"content-length: 22\r\n\r\nThe head is too large."
)


class BoundedHead(HttpToolsProtocol):
    """Answers 431 and closes where the target and the headers, counted as gRPC's metadata is, are above its bound.

    Where the trailers of a chunked body are, it closes without a word: its answer may be under way.
    """

    _open = _heading = False
    _came = 0
    _refused = False

    def data_received(self, data: bytes) -> None:
        """Counts what comes while a head or trailers are open: those that never end are refused too."""
        if self._refused:
            return
        if self._open:
            self._came += len(data)
        super().data_received(data)
        if self._open and self._came > MAX_METADATA_BYTES and not self._refused:
            self._refuse()

    def connection_lost(self, exc: Exception | None) -> None:
        """Lets go of an answer whose head nobody will have: it and what writes it would wait for the garbage collector."""
        if self.cycle is not None:
            self.cycle.transport = self.transport
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._open, self._heading, self._came = True, True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is whole; one that is too large never becomes a request."""
        self._open = False
        size = sum([len(name) + len(value) + METADATA_PAIR_OVERHEAD for name, value in self.headers])
        if size + len(self.url) > MAX_METADATA_BYTES:
            self._refuse()
            raise ValueError("the head is too large")  # ends the parsing: what follows is nobody's body
        self._heading = False
        super().on_headers_complete()
        if self.scope["method"] != "HEAD":  # whose answer is its head alone
            self.cycle.transport = OneWrite(self.cycle)
        self.headers = deque(maxlen=0)  # type: ignore[assignment]  # what comes behind a body is none of a request's

    def on_chunk_header(self) -> None:
        """A chunk begins; trailers, where it is the last one."""
        self._open, self._came = True, 0

    def on_body(self, body: bytes) -> None:
        """A piece of a body: what is open is none of the trailers."""
        self._open = False
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Says what is wrong with the request, unless that has been said."""
        if not self._refused:
            super().send_400_response(msg)

    def _refuse(self) -> None:
        self._refused = True
        if self._heading:
            self.transport.write(_REFUSAL)
        self.transport.close()
