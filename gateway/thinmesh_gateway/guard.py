"""What stands before every REST endpoint: the key, the body's size, and one way for a failure to leave."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from thinmesh_core.call import AUTHORIZATION, REQUEST_ID, TRACEPARENT, Call, request_id
from thinmesh_core.errors import MeshError, Reason, internal, invalid
from thinmesh_core.wire import MAX_REQUEST_BYTES
from thinmesh_gateway.auth import Authenticator

log = logging.getLogger(__name__)

Endpoint = Callable[[Request, Call], Awaitable[Response]]
Told = Callable[[MeshError, dict[str, str]], Response]
"""How a surface tells an error; the headers are those that every answer has."""


class Guarded:
    """A route as ASGI: the key first, then the endpoint, and every failure as its surface tells it.

    An ASGI callable and no function, because Starlette wraps functions: each wrapper costs on every token.
    """

    def __init__(self, authenticator: Authenticator, endpoint: Endpoint, told: Told) -> None:
        self._authenticator = authenticator
        self._endpoint = endpoint
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        response = await self._answer(Request(scope, receive, send))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        call: Call | None = None
        sent = request.headers
        try:
            known, trace = sent.get(REQUEST_ID), sent.get(TRACEPARENT)
            call = self._authenticator.call(sent.get(AUTHORIZATION), request=known, trace=trace)
            return await self._endpoint(request, call)
        except MeshError as error:
            return self._told(error, headers(request, call))
        except Exception:
            log.exception("%s failed", request.url.path)
            return self._told(internal(), headers(request, call))


def headers(request: Request, call: Call | None = None) -> dict[str, str]:
    """What every answer bears."""
    return {REQUEST_ID: call.request_id if call is not None else request_id(request.headers.get(REQUEST_ID))}


async def read(request: Request) -> bytes:
    """The body; REQUEST_TOO_LARGE as soon as that is known, without reading on."""
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() not in {"", "identity"}:
        raise invalid("content-encoding", f"The content-encoding {encoding!r} is not taken: send the body as it is.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_REQUEST_BYTES:
        raise _too_large()
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_REQUEST_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> MeshError:
    return MeshError(Reason.REQUEST_TOO_LARGE, f"The body is larger than {MAX_REQUEST_BYTES} bytes.")
