"""One HTTP/1.1 connection to an engine: a request at a time, its answer read as it comes, every wait bounded."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import cast

import httptools

MAX_HEAD_BYTES = 64 * 1024
"""Of an answer; llama.cpp and vLLM send some hundred."""

MAX_HELD_BYTES = 256 * 1024
"""Of a body that nobody has asked for yet; the engine has to wait with more, by TCP's own means."""

_SIZED = (b"\r\ncontent-length:", b"\r\ntransfer-encoding:")
_NO_ANSWER = b"http/1.1 1"


class LostError(ConnectionError):
    """The connection ended before the answer did, or what came over it is no HTTP. `answered`: something had come."""

    def __init__(self, message: str, *, answered: bool) -> None:
        super().__init__(message)
        self.answered = answered


class Connection(asyncio.Protocol):
    """Written to by `send`, then read: `status` once, `read` up to the end of the body.

    Leaving an answer unread means to `close`: what comes after must not be taken for another request's answer. One timer
    serves all waits, for as long as the connection lives: it is looked at when it goes off, and not moved by what comes.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.idle_since = 0.0
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._busy = False
        self._waiter: asyncio.Future[None] | None = None
        self._waits_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._failure: LostError | None = None
        self._paused = False
        self._forget()

    @property
    def open(self) -> bool:
        """Whether another request can be sent."""
        return self._transport is not None and self._failure is None and not self._busy

    @property
    def complete(self) -> bool:
        """Whether all of the answer has come."""
        return self._ended

    def send(self, data: bytes, patience: float) -> None:
        """Sends a whole request; no wait for its answer may take longer than `patience` seconds. LostError: it is closed."""
        if self._transport is None:  # an engine may speak unasked, or leave, as soon as it is connected
            raise LostError("the connection is closed", answered=False)
        self._forget()
        self._busy, self._patience = True, patience
        self._transport.write(data)

    async def status(self) -> int:
        """The answer's status; LostError, or TimeoutError."""
        while not self._status:
            await self._wait()
        return self._status

    async def read(self) -> bytes:
        """What has come of the body, at least a byte; b"" at its end."""
        while not self._pieces:
            if self._ended:
                return b""
            await self._wait()
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def release(self) -> bool:
        """Ends the use for a request; false where the connection can't be used for another and was closed."""
        self._busy = False
        if not (self._ended and self._keep and self.open) or self._paused:
            self.close()
            return False
        self.idle_since = self._loop.time()
        return True

    def close(self) -> None:
        """Ends the connection at once: the engine learns that nobody listens any more."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone. Only a body without a length of its own may end in this way."""
        if self._busy and self._status and exc is None and not self._sized():
            self._ended = True
        self._fail("the engine closed the connection")

    def data_received(self, data: bytes) -> None:
        """A piece of an answer; an engine that speaks unasked is not listened to."""
        if not self._busy or self._ended:
            self._fail("the engine spoke unasked")
            return
        self._came = True
        if not self._status:
            self._head += data
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("the engine's answer is no HTTP")
            return
        if not self._status and len(self._head) > MAX_HEAD_BYTES:
            self._fail("the engine's answer has no end of its head")
            return
        if self._held > MAX_HELD_BYTES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()  # TLS may bring more in one piece than is held

    # What the parser tells.

    def on_message_begin(self) -> None:
        """An answer begins; a second one to the same request is none."""
        if self._ended:
            raise ValueError("a second answer")

    def on_headers_complete(self) -> None:
        """A head; those of "100 Continue" and the like are no answer."""
        status = self._parser.get_status_code()
        if status >= HTTPStatus.OK:
            self._status = status

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._pieces.append(data)
        self._held += len(data)

    def on_message_complete(self) -> None:
        """The end of an answer, or of what came before it."""
        if self._status:
            self._ended = True
            self._keep = self._parser.should_keep_alive()

    def _forget(self) -> None:
        self._status = 0
        self._head = b""
        self._came = self._ended = self._keep = False
        self._pieces: list[bytes] = []
        self._held = 0

    def _sized(self) -> bool:
        """Whether the head says where the body ends."""
        head, _, rest = self._head.lower().partition(b"\r\n\r\n")
        while head.startswith(_NO_ANSWER):
            head, _, rest = rest.partition(b"\r\n\r\n")
        return any(one in head for one in _SIZED)

    async def _wait(self) -> None:
        """Until something comes."""
        if self._failure is not None:
            raise self._failure
        self._waiter = self._loop.create_future()
        self._waits_until = self._loop.time() + self._patience
        if self._timer is None or self._timer.when() > self._waits_until:
            self._look_at(self._waits_until)
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _look_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._waits_until:
            self._look_at(self._waits_until)
        else:
            self._waiter.set_exception(TimeoutError())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, what: str) -> None:
        if self._failure is None:
            self._failure = LostError(what, answered=self._came)
            self._wake()
        self.close()
