"""The kinds of in-process call: one answer, streamed answers, and streamed requests with streamed answers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator
from typing import Any, NoReturn, cast

from google.protobuf.message import Message
from grpc import StatusCode
from grpc.aio import EOF, AioRpcError, StreamStreamCall, UnaryStreamCall, UnaryUnaryCall, UsageError

from thinmesh_core.inprocess.call import InProcessCall
from thinmesh_core.inprocess.context import InProcessContext
from thinmesh_core.inprocess.server import Handler
from thinmesh_core.wire import MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES

log = logging.getLogger(__name__)


class InProcessUnaryCall(InProcessCall, UnaryUnaryCall[Any, Any]):
    """A call with one answer; its handler runs when it is awaited, not before."""

    _response: Message | None = None

    def __init__(self, request: Message, *details: Any) -> None:
        super().__init__(*details)
        self._request = request

    def __await__(self) -> Generator[Any, None, Any]:
        """Runs the handler, once."""
        return self._answer().__await__()

    async def _answer(self) -> Message:
        if self._response is None:
            cancels = self._enter()
            try:
                handler = await self._start()
                _check_size("CLIENT", self._request, MAX_REQUEST_BYTES, self)
                if handler.unary_unary is None:
                    response = await anext(_refused(handler, self))
                else:
                    answer = cast("Callable[[Message, InProcessContext], Awaitable[Message]]", handler.unary_unary)
                    response = await answer(self._request, InProcessContext(self))
                _check_size("SERVER", response, MAX_RESPONSE_BYTES, self)
            except BaseException as error:  # noqa: BLE001  # cancellation too settles the call
                raise self._failure(error, cancels) from None
            self._leave()
            self._finish()
            self._response = response
        return self._response


class InProcessReadCall(InProcessCall):
    """A call with streamed answers; each read is one step of the handler's generator."""

    _messages: AsyncIterator[Message] | None = None

    def _begin(self, handler: Handler) -> AsyncIterator[Message]:
        """Calls the handler, which gives its generator."""
        raise NotImplementedError

    def __aiter__(self) -> AsyncIterator[Any]:
        """The messages."""
        return self

    async def __anext__(self) -> Any:
        """The next message."""
        message = await self.read()
        if message is EOF:
            raise StopAsyncIteration
        return message

    async def read(self) -> Any:
        """The next message, or EOF after the last."""
        if self._status is not None and self._status[0] is StatusCode.OK:
            return EOF
        cancels = self._enter()
        try:
            if self._messages is None:
                self._messages = self._begin(await self._start())
            message = await anext(self._messages)
        except StopAsyncIteration:
            self._leave()
            self._finish()
            return EOF
        except BaseException as error:  # noqa: BLE001  # cancellation too settles the call
            raise self._failure(error, cancels) from None
        try:
            self._leave()
            _check_size("SERVER", message, MAX_RESPONSE_BYTES, self)
        except AioRpcError:
            self._abandon()  # it stands at a message that nobody gets
            raise
        return message

    def _abandon(self) -> None:
        if self._messages is not None:
            self.server.close_later(self._close())

    async def _close(self) -> None:
        close = getattr(self._messages, "aclose", None)
        if close is not None:
            try:
                await close()
            except Exception:
                log.exception("%s failed while it was closed", self._method)


class InProcessStreamCall(InProcessReadCall, UnaryStreamCall[Any, Any]):
    """A call with one request and streamed answers."""

    def __init__(self, request: Message, *details: Any) -> None:
        super().__init__(*details)
        self._request = request

    def _begin(self, handler: Handler) -> AsyncIterator[Message]:
        _check_size("CLIENT", self._request, MAX_REQUEST_BYTES, self)
        if handler.unary_stream is None:
            return _refused(handler, self)
        answer = cast("Callable[[Message, InProcessContext], AsyncIterator[Message]]", handler.unary_stream)
        return answer(self._request, InProcessContext(self))


class InProcessBidiCall(InProcessReadCall, StreamStreamCall[Any, Any]):
    """A call with streamed requests, taken from an iterator, and streamed answers."""

    def __init__(self, requests: AsyncIterable[Message], *details: Any) -> None:
        super().__init__(*details)
        self._requests = aiter(requests)

    async def write(self, request: Message) -> NoReturn:
        """Refused: requests come from the call's iterator."""
        raise UsageError("in-process calls take their requests from an iterator")

    async def done_writing(self) -> NoReturn:
        """Refused: the iterator's end is the requests' end."""
        raise UsageError("in-process calls take their requests from an iterator")

    def _begin(self, handler: Handler) -> AsyncIterator[Message]:
        answer = cast("Callable[[AsyncIterable[Message], InProcessContext], AsyncIterator[Message]]", handler.stream_stream)
        return answer(_Requests(self._requests, self), InProcessContext(self))


class _Requests:
    """What a handler reads of a caller's requests, each as small as the wire would have it."""

    def __init__(self, requests: AsyncIterator[Message], call: InProcessCall) -> None:
        self._given = requests
        self._call = call

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        request = await anext(self._given)
        _check_size("CLIENT", request, MAX_REQUEST_BYTES, self._call)
        return request


def _refused(handler: Handler, call: InProcessCall) -> AsyncIterator[Message]:
    """What an interceptor put in the handler's place: as on the wire it may be of another kind, and read nothing."""
    answer = cast("Callable[[AsyncIterator[Message], InProcessContext], AsyncIterator[Message]]", handler.stream_stream)
    return answer(_nothing(), InProcessContext(call))


async def _nothing() -> AsyncIterator[Message]:
    return
    yield


def _check_size(sender: str, message: Message, limit: int, call: InProcessCall) -> None:
    size = message.ByteSize()
    if size > limit:
        raise call.refuse(StatusCode.RESOURCE_EXHAUSTED, f"{sender}: Sent message larger than max ({size} vs. {limit})")
