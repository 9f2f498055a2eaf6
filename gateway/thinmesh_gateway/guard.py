"""What stands before every REST endpoint: the key and the action, the idempotency key, and one way for a failure to leave."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from thinmesh_core.call import REQUEST_ID
from thinmesh_core.errors import MeshError, internal
from thinmesh_core.http import Message, Receive, Send
from thinmesh_core.intake import Intake
from thinmesh_core.request_id import request_id
from thinmesh_gateway.attendance import Attendance
from thinmesh_gateway.audit.trail import Add, Trail
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.exchange import Answer, Reply, Request, unpacked
from thinmesh_gateway.idempotency.key import KEY, REPLAYED, fingerprint
from thinmesh_gateway.idempotency.once import Once
from thinmesh_gateway.roles import Action
from thinmesh_gateway.wishes import REST

log = logging.getLogger(__name__)

Endpoint = Callable[[Request, AuthorizedCall], Awaitable[Reply]]
Told = Callable[[MeshError], Answer]
"""How a surface tells an error."""

Stopping = Callable[[], bool]
"""Whether the gateway is about to stop: it serves on, and whoever asks is to ask another one next."""


class Guarded:
    """A route as ASGI: the key and what its holder may first, then the endpoint, and every failure as its surface tells it.

    With `once` an idempotency key is heeded. An ASGI callable and no function, because Starlette wraps functions: each
    wrapper costs on every token.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        add: Add,
        operation: str,
        action: Action | None,
        endpoint: Endpoint,
        told: Told,
        once: Once | None,
        stopping: Stopping,
        intake: Intake,
    ) -> None:
        self._authenticator = authenticator
        self._add = add
        self._operation = operation
        self.action = action
        self._endpoint = endpoint
        self._told = told
        self._once = once
        self._stopping = stopping
        self._intake = intake

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive, self._intake)
        try:
            known = request_id(request.header(REQUEST_ID))
            with Trail(self._add, REST.surface, self._operation, self.action, known) as trail:
                reply = await self._reply(request, trail)
                reply.headers[REQUEST_ID] = known
                reply.headers.update(request.told)
                if self._stopping():  # whoever keeps the connection would come back to this gateway
                    reply.headers["connection"] = "close"
                await reply(scope, receive, send)
        finally:
            request.close()

    async def _reply(self, request: Request, trail: Trail) -> Reply:
        try:
            call = await self._authenticator.call(request.header, REST, trail)
            key = request.header(KEY)
            if key is None or self._once is None:
                return await self._endpoint(request, call)
            return await self._replayable(self._once, key, request, call)
        except MeshError as failed:
            error = self._authenticator.guesses.told(failed, request.origin, time.monotonic())
            trail.failed(error)
            request.told.update(error.headers)
            return self._told(error)
        except Exception as error:
            trail.failed(error)
            log.exception("the request %s failed", trail.request_id)
            return self._told(internal())

    async def _replayable(self, once: Once, key: str, request: Request, call: AuthorizedCall) -> Reply:
        async def make() -> bytes:
            answer = await self._endpoint(request, call)
            assert isinstance(answer, Answer)  # endpoints refuse to stream under a key
            return answer.packed()

        body = await request.read()
        _check(request.parameter("model"), body, call)
        same = fingerprint(request.path, body)
        async with Attendance(request.receive):
            given = await once.once(call, key, same, make)
        if given.replayed:
            request.told[REPLAYED] = "true"
        return unpacked(given.answer)


class _Named(msgspec.Struct):
    model: str = ""


def _check(model: str, body: bytes, call: AuthorizedCall) -> None:
    """PERMISSION_DENIED where an answer that was made for another of the tenant's keys is not for this one."""
    with suppress(ValueError, RecursionError):  # bad UTF-8 and nesting too: there is no answer to give
        call.check(model or msgspec.json.decode(body, type=_Named).model)
