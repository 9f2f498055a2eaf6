"""A bound for what comes in front of an HTTP body, and behind it. uvicorn's faster protocol collects both without end."""

from __future__ import annotations

import asyncio
from collections import deque

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from thinmesh_core.one_write import OneWrite
from thinmesh_core.wire import MAX_METADATA_BYTES, METADATA_PAIR_OVERHEAD

HEAD_SECONDS = 30.0
"""For a head to come, from its connection's beginning or its own. Silence behind an answer is uvicorn's to end, and shorter."""

_REST = b"\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s"
_TOO_LARGE, _UPGRADE = (
    status + _REST % (len(text), text)
    for status, text in (
        (b"HTTP/1.1 431 Request Header Fields Too Large", b"The head is too large."),
        (b"HTTP/1.1 400 Bad Request", b"Send a body without the header Upgrade: HTTP/1.1 is all that is spoken here."),
    )
)
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class BoundedHead(HttpToolsProtocol):
    """Answers 431 and closes where the target and the headers, counted as gRPC's metadata is, are above its bound.

    Where the trailers of a chunked body are, or a head does not come in time, it closes without a word. So it does with what
    is wrong behind a request whose answer is under way, in the place of which a refusal would be read.
    """

    _open = _heading = False
    _came = 0
    _refused = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expects a head."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Counts what comes while a head or trailers are open: those that never end are refused too."""
        if self._refused:
            return
        if self._open:
            self._came += len(data)
        super().data_received(data)
        cycle = self._cycle
        if self._timer is None and (cycle is None or cycle.response_complete):
            self._expect()
        if self._open and self._came > MAX_METADATA_BYTES and not self._refused:
            self._refuse(_TOO_LARGE)

    def connection_lost(self, exc: Exception | None) -> None:
        """Lets go of an answer whose head nobody will have: it and what writes it would wait for the garbage collector."""
        self._expect_no_more()
        if self.cycle is not None:
            self.cycle.transport = self.transport
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._open, self._heading, self._came = True, True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is whole; one that is too large, or whose body the parser would read as the next head, becomes no request."""
        self._open = False
        self._expect_no_more()
        size = sum([len(name) + len(value) + METADATA_PAIR_OVERHEAD for name, value in self.headers])
        if size + len(self.url) > MAX_METADATA_BYTES:
            self._refuse(_TOO_LARGE)
            raise ValueError("the head is too large")  # ends the parsing: what follows is nobody's body
        if self.parser.should_upgrade() and any(name in _FRAMING for name, _ in self.headers):
            self._refuse(_UPGRADE)
            raise ValueError("an upgrade has a body")
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
        if self._answering:
            self._refuse(b"")
        elif not self._refused:
            super().send_400_response(msg)

    def _unsupported_upgrade_warning(self) -> None:
        """Says nothing: whoever asks for another protocol is answered by this one."""

    @property
    def _cycle(self) -> RequestResponseCycle | None:
        """The last request; uvicorn's own type knows no connection without one."""
        return self.cycle

    @property
    def _answering(self) -> bool:
        """Whether what comes now is behind a request whose answer is under way, or that answer has begun."""
        cycle = self._cycle
        return cycle is not None and not cycle.response_complete and (cycle.response_started or not cycle.more_body)

    def _refuse(self, answer: bytes) -> None:
        self._refused = True
        if self._heading and not self._answering:
            self.transport.write(answer)
        self.transport.close()

    def _expect(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _expect_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        self.transport.close()
