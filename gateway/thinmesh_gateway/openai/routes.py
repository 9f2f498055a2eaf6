"""The routes of the REST surface."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.model.v1 import model_service_pb2 as model_pb

from thinmesh_core.call import AUTHORIZATION, REQUEST_ID, TRACEPARENT, Call, request_id
from thinmesh_core.capabilities import choices
from thinmesh_core.errors import MeshError, Reason, internal, invalid
from thinmesh_core.http import Asgi
from thinmesh_core.wire import MAX_REQUEST_BYTES
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.inference import Inference
from thinmesh_gateway.openai import errors, requests, responses, sse, translate
from thinmesh_gateway.openai.attendance import Attendance
from thinmesh_gateway.openai.frames import ChatFrames, Frames, TextFrames
from thinmesh_gateway.openai.openapi import describe
from thinmesh_gateway.openai.operations import OPERATIONS

log = logging.getLogger(__name__)

_DESCRIPTION = msgspec.json.encode(describe(OPERATIONS))

Endpoint = Callable[[Request, Call], Awaitable[Response]]


class Routes:
    """One method a route; each takes an authenticated call."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    async def chat(self, request: Request, call: Call) -> Response:
        """POST /v1/chat/completions."""
        body = requests.decode(await _read(request), requests.ChatCompletion)
        generate = translate.chat(body)
        head = responses.Head(f"chatcmpl-{call.request_id}", int(time.time()), body.model)
        if body.stream:
            with_usage = bool(body.stream_options and body.stream_options.include_usage)
            frames = ChatFrames(head, choices(generate), with_usage=with_usage)
            return await sse.EventStream(self._pieces(frames, generate, call), _headers(call)).opened(request.receive)
        async with Attendance(request.receive):
            return _json(responses.chat(head, await self._inference.generate(generate, call)), call)

    async def completions(self, request: Request, call: Call) -> Response:
        """POST /v1/completions."""
        body = requests.decode(await _read(request), requests.TextCompletion)
        prompts = translate.completions(body)
        head = responses.Head(f"cmpl-{call.request_id}", int(time.time()), body.model)
        if body.stream:
            if len(prompts) > 1:
                raise invalid("prompt", "Several prompts can't be streamed in one answer; send one each.")
            with_usage = bool(body.stream_options and body.stream_options.include_usage)
            frames = TextFrames(head, with_usage=with_usage)
            return await sse.EventStream(self._pieces(frames, prompts[0], call), _headers(call)).opened(request.receive)
        async with Attendance(request.receive):
            return _json(responses.text(head, await self._each(prompts, call)), call)

    async def embeddings(self, request: Request, call: Call) -> Response:
        """POST /v1/embeddings."""
        body = requests.decode(await _read(request), requests.Embeddings)
        async with Attendance(request.receive):
            answer = await self._inference.embed(translate.embed(body), call)
        return _json(responses.embeddings(body.model, answer, encode=body.encoding_format == "base64"), call)

    async def rerank(self, request: Request, call: Call) -> Response:
        """POST /v1/rerank."""
        body = requests.decode(await _read(request), requests.Rerank)
        head = responses.Head(f"rerank-{call.request_id}", int(time.time()), body.model)
        async with Attendance(request.receive):
            answer = await self._inference.rerank(translate.rerank(body), call)
        return _json(responses.ranking(head, answer, body.documents if body.return_documents else None), call)

    async def models(self, request: Request, call: Call) -> Response:
        """GET /v1/models."""
        answer = await self._inference.list_models(model_pb.ListModelsRequest(), call)
        return _json(responses.models(answer.models), call)

    async def model(self, request: Request, call: Call) -> Response:
        """GET /v1/models/{id}; ids may hold slashes."""
        answer = await self._inference.get_model(model_pb.GetModelRequest(id=request.path_params["id"]), call)
        return _json(responses.model(answer.model), call)

    async def openapi(self, request: Request, call: Call) -> Response:
        """GET /openapi.json."""
        return Response(_DESCRIPTION, headers=_headers(call), media_type="application/json")

    async def _each(self, prompts: list[pb.GenerateRequest], call: Call) -> list[pb.GenerateResponse]:
        if len(prompts) == 1:
            return [await self._inference.generate(prompts[0], call)]
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._inference.generate(one, call)) for one in prompts]
        except* MeshError as failed:
            raise failed.exceptions[0] from None
        return [one.result() for one in running]

    async def _pieces(self, frames: Frames, generate: pb.GenerateRequest, call: Call) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._inference.stream(generate, call)) as events:
            async for event in events:
                piece = frames.event(event)
                if piece:
                    yield piece


class _Guarded:
    """A route as ASGI: the key first, then the endpoint, and every failure as OpenAI's error.

    An ASGI callable and no function, because Starlette wraps functions: each wrapper costs on every token.
    """

    def __init__(self, authenticator: Authenticator, endpoint: Endpoint) -> None:
        self._authenticator = authenticator
        self._endpoint = endpoint

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
            return _error(error, request, call)
        except Exception:
            log.exception("%s failed", request.url.path)
            return _error(internal(), request, call)


def rest(authenticator: Authenticator, inference: Inference) -> Asgi:
    """The REST application."""
    routes = Routes(inference)
    router = Router(
        [
            Route(
                one.path.replace("{id}", "{id:path}"),
                _Guarded(authenticator, getattr(routes, one.name)),
                methods=[one.method],
            )
            for one in OPERATIONS
        ],
        redirect_slashes=False,
    )

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = router  # where there is an application the router raises what it would else answer in plain text
        try:
            await router(scope, receive, send)
        except HTTPException as error:
            await _unrouted(Request(scope), error)(scope, receive, send)

    return application


def _unrouted(request: Request, error: HTTPException) -> Response:
    if error.status_code != 405:
        return _error(MeshError(Reason.NOT_FOUND, f"There is no route {request.url.path}."), request, None)
    wrong = MeshError(Reason.METHOD_NOT_ALLOWED, f"{request.url.path} does not answer {request.method}.")
    response = _error(wrong, request, None)
    response.headers.update(error.headers or {})
    return response


async def _read(request: Request) -> bytes:
    """The body; REQUEST_TOO_LARGE as soon as that is known, without reading on."""
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


def _json(body: msgspec.Struct, call: Call) -> Response:
    return Response(msgspec.json.encode(body), headers=_headers(call), media_type="application/json")


def _headers(call: Call) -> dict[str, str]:
    return {REQUEST_ID: call.request_id}


def _error(error: MeshError, request: Request, call: Call | None) -> Response:
    told = {REQUEST_ID: call.request_id if call is not None else request_id(request.headers.get(REQUEST_ID))}
    return Response(errors.body(error), error.row.http, told | errors.headers(error), media_type="application/json")
