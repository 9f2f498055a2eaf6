"""The REST application: every surface's routes, and their description."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route, Router

from thinmesh_core.call import REQUEST_ID, Call
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.http import Asgi, Message, Receive, Send
from thinmesh_core.intake import Intake
from thinmesh_core.request_id import request_id
from thinmesh_gateway.actions import ROUTES
from thinmesh_gateway.audit.trail import Add
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.exchange import Answer, Request
from thinmesh_gateway.files import Files
from thinmesh_gateway.guard import Guarded, Stopping, Told
from thinmesh_gateway.idempotency.once import Once
from thinmesh_gateway.inference import Inference
from thinmesh_gateway.jobs import Jobs
from thinmesh_gateway.oip import operations as oip
from thinmesh_gateway.oip import routes as oip_routes
from thinmesh_gateway.openai import durable
from thinmesh_gateway.openai import operations as openai
from thinmesh_gateway.openai import routes as openai_routes
from thinmesh_gateway.openai.batch_routes import BatchRoutes
from thinmesh_gateway.openai.deferring import DeferringRoutes
from thinmesh_gateway.openai.file_routes import FileRoutes
from thinmesh_gateway.openai.job_routes import JobRoutes
from thinmesh_gateway.openapi import describe
from thinmesh_gateway.operations import Surface
from thinmesh_gateway.replies import operations as replies
from thinmesh_gateway.replies.kept import Kept
from thinmesh_gateway.replies.routes import ReplyRoutes
from thinmesh_gateway.tensors import Tensors

DESCRIPTION_PATH = "/openapi.json"

DESCRIPTION = describe(openai.SURFACE, replies.SURFACE, durable.FILES, durable.BATCHES, durable.JOBS, oip.SURFACE)
"""The OpenAPI document of all that a gateway answers."""

_ENCODED = msgspec.json.encode(DESCRIPTION)


def rest(known: list[Route]) -> Asgi:
    """The application of these routes; a path without one is told as the surface of its prefix tells it."""
    router = Router(known, redirect_slashes=False)
    fixed = {(method, route.path): route.app for route in known if "{" not in route.path for method in route.methods or ()}

    def application(scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        app = fixed.get((scope.get("method", ""), scope.get("path", "")))
        if app is not None:  # nothing to match; most calls come this way
            return app(scope, receive, send)
        return routed(scope, receive, send)

    async def routed(scope: Message, receive: Receive, send: Send) -> None:
        scope["app"] = router  # where there is an application the router raises what it would else answer in plain text
        try:
            await router(scope, receive, send)
        except HTTPException:
            matching = [route for route in known if route.matches(scope)[0] is not Match.NONE]
            allowed = sorted({method for route in matching for method in route.methods or ()})
            await _unrouted(Request(scope, receive, Intake(0)), allowed)(scope, receive, send)

    return application


def routes(
    authenticator: Authenticator,
    add: Add,
    inference: Inference,
    tensors: Tensors,
    once: Once,
    stopping: Stopping,
    jobs: Jobs | None = None,
    files: Files | None = None,
    kept: Kept | None = None,
) -> list[Route]:
    """Every route there is."""
    guarded = partial(Guarded, authenticator, add, stopping=stopping, intake=Intake())
    described = guarded(f"GET {DESCRIPTION_PATH}", ROUTES[""]["openapi"], _describe, openai_routes.told, None)
    answering = openai_routes.OpenAIRoutes(inference) if jobs is None else DeferringRoutes(inference, jobs)
    return [
        *_routes(openai.SURFACE, answering, openai_routes.told, guarded, once),
        *_routes(replies.SURFACE, ReplyRoutes(authenticator, inference, jobs, kept), openai_routes.told, guarded, once),
        *_routes(durable.FILES, FileRoutes(files), openai_routes.told, guarded, once),
        *_routes(durable.BATCHES, BatchRoutes(jobs), openai_routes.told, guarded, once),
        *_routes(durable.JOBS, JobRoutes(jobs), openai_routes.told, guarded, once),
        *_routes(oip.SURFACE, oip_routes.OipRoutes(tensors), oip_routes.told, guarded, once),
        Route(DESCRIPTION_PATH, described, methods=["GET"]),
    ]


def _routes(surface: Surface, methods: object, told: Told, guarded: Callable[..., Guarded], once: Once) -> list[Route]:
    """A surface's table as routes; names of models may hold slashes."""
    actions = ROUTES.get(surface.prefix, {})
    return [
        Route(
            one.path.replace("{model}", "{model:path}"),
            guarded(
                f"{one.method} {one.path}",
                actions.get(one.name),
                getattr(methods, one.name),
                told,
                None if one.body is None or not one.whole else once,
            ),
            methods=[one.method],
        )
        for one in surface.operations
    ]


async def _describe(request: Request, call: Call) -> Answer:
    return Answer(_ENCODED)


def _unrouted(request: Request, allowed: list[str]) -> Answer:
    """What is told where no route has both the path and the method; `allowed` are the path's methods."""
    path = request.path
    told = oip_routes.told if path.startswith(oip.SURFACE.prefix) else openai_routes.told
    if not allowed:
        answer = told(MeshError(Reason.NOT_FOUND, f"There is no route {path}."))
    else:
        answer = told(MeshError(Reason.METHOD_NOT_ALLOWED, f"{path} does not answer {request.method}."))
        answer.headers["allow"] = ", ".join(allowed)
    answer.headers[REQUEST_ID] = request_id(request.header(REQUEST_ID))
    return answer
