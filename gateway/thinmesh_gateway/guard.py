"""What stands before every REST endpoint: the key, and one way for a failure to leave."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from thinmesh_core.call import AUTHORIZATION, REQUEST_ID, TRACEPARENT, Call, request_id
from thinmesh_core.errors import MeshError, internal
from thinmesh_core.http import Asgi, Message, Receive, Send
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.exchange import Answer, Request

log = logging.getLogger(__name__)

Endpoint = Callable[[Request, Call], Awaitable[Asgi]]
Told = Callable[[MeshError, dict[str, str]], Answer]
"""How a surface tells an error; the headers are those that every answer has."""


class Guarded:
    """A route as ASGI: the key first, then the endpoint, and every failure as its surface tells it.

    An ASGI callable and no function, because Starlette wraps functions: each wrapper costs on every token.
    """

    def __init__(self, authenticator: Authenticator, endpoint: Endpoint, told: Told) -> None:
        self._authenticator = authenticator
        self._endpoint = endpoint
        self._told = told

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        answer = await self._answer(Request(scope, receive))
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Asgi:
        call: Call | None = None
        try:
            known, trace = request.header(REQUEST_ID), request.header(TRACEPARENT)
            call = self._authenticator.call(request.header(AUTHORIZATION), request=known, trace=trace)
            return await self._endpoint(request, call)
        except MeshError as error:
            return self._told(error, headers(request, call))
        except Exception:
            log.exception("%s failed", request.path)
            return self._told(internal(), headers(request, call))


def headers(request: Request, call: Call | None = None) -> dict[str, str]:
    """What every answer bears."""
    return {REQUEST_ID: call.request_id if call is not None else request_id(request.header(REQUEST_ID))}
