"""OpenAI's Responses API: what each route does with an authenticated call."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

import msgspec
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_gateway.attendance import Attendance
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.exchange import Answer, Request, as_json
from thinmesh_gateway.idempotency.key import KEY, checked, unstreamed
from thinmesh_gateway.inference import Inference
from thinmesh_gateway.jobs import Jobs
from thinmesh_gateway.openai.file_routes import ORDERS, whole, without_jobs
from thinmesh_gateway.openai.sse import EventStream
from thinmesh_gateway.replies import answers, bodies, requests, translate
from thinmesh_gateway.replies.background import Background
from thinmesh_gateway.replies.frames import Frames
from thinmesh_gateway.replies.items import Item
from thinmesh_gateway.replies.kept import Kept
from thinmesh_gateway.replies.record import Record, check, listed
from thinmesh_gateway.roles import Action
from thinmesh_gateway.wishes import GIVEN, tiered

log = logging.getLogger(__name__)

PAGE = 20
LARGEST_PAGE = 100

_USABLE = frozenset({"completed", "incomplete"})
"""The ends of a response that another one can go on from."""


class _Asked(NamedTuple):
    """What the engine is asked, and the record that its answer belongs to."""

    generate: pb.GenerateRequest
    record: Record


class ReplyRoutes:
    """One method a route. Where the mesh has no jobs nothing is kept: what needs that is refused."""

    def __init__(self, authenticator: Authenticator, inference: Inference, jobs: Jobs | None, kept: Kept | None) -> None:
        self._authenticator = authenticator
        self._inference = inference
        self._kept = kept
        self._given = None if jobs is None or kept is None else Background(jobs, kept)

    async def respond(self, request: Request, call: AuthorizedCall) -> Answer | EventStream[bytes]:
        """POST /v1/responses."""
        body = requests.decode(await request.read())
        call.check(body.model)
        call = tiered(call, body.service_tier, body.prompt_cache_key)
        if body.stream and request.header(KEY) is not None:
            raise unstreamed()
        asked = await self._asked(body, request, call)
        if body.background:
            return as_json(await self._began(asked, request.header(KEY), call))
        call.trail.object = asked.record.response.id
        if body.stream:
            return await EventStream(self._pieces(asked, request, call), bytes, done=b"").opened(request.receive)
        async with Attendance(request.receive):
            answer = await self._inference.generate(asked.generate, call, request.told.update)
            response = answers.whole(asked.record.response, answer, int(time.time()))
            return as_json(await self._stored(asked.record, response, call))

    async def response(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v1/responses/{response}."""
        if request.query("stream") == "true":
            raise invalid("stream", "A response that was made is not streamed again: leave stream out.")
        return as_json((await self._background.get(request.parameter("response"), call)).response)

    async def input_items(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v1/responses/{response}/input_items."""
        limit, order = whole("limit", request.query("limit")) or PAGE, request.query("order") or "desc"
        if limit > LARGEST_PAGE:
            raise invalid("limit", f"limit must be 1 to {LARGEST_PAGE}.")
        if order not in ORDERS:
            raise invalid("order", "order must be asc or desc.")
        items = (await self._background.get(request.parameter("response"), call)).given
        return as_json(_page(items if ORDERS[order] else items[::-1], request.query("after"), limit))

    async def cancel_response(self, request: Request, call: AuthorizedCall) -> Answer:
        """POST /v1/responses/{response}/cancel."""
        return as_json((await self._background.cancel(request.parameter("response"), call)).response)

    async def delete_response(self, request: Request, call: AuthorizedCall) -> Answer:
        """DELETE /v1/responses/{response}."""
        response_id = request.parameter("response")
        await self._background.remove(response_id, call)
        return as_json(bodies.Deleted(response_id))

    async def _asked(self, body: requests.CreateResponse, request: Request, call: AuthorizedCall) -> _Asked:
        """The request of a body: kept unless it says otherwise or nothing is kept here, behind what went before it."""
        store = (self._kept is not None) if body.store is None else body.store
        response_id, before = await self._begun(body, request, call, store=store)
        given = listed(body.input, response_id)
        tier = GIVEN[call.priority]
        begun = answers.begun(body, response_id, int(time.time()), tier, store=store)
        asked = _Asked(translate.generate(body, before, given), Record(begun, given, before))
        if store:
            check(asked.record)
        return asked

    async def _begun(
        self, body: requests.CreateResponse, request: Request, call: AuthorizedCall, *, store: bool
    ) -> tuple[str, list[Item]]:
        """The id of a response, and the conversation before it."""
        previous_id = body.previous_response_id
        if self._kept is None:
            _check_unkept(body)
        if self._kept is None or (previous_id is None and not store):
            return f"resp_{secrets.token_hex(16)}", []
        response_id, previous = await self._kept.begin(previous_id, call, request.hold)
        if previous is None:
            return response_id, []
        previous = await self._background.current(previous, call)
        if previous.response.status not in _USABLE:
            what = f"The response before is {previous.response.status}: only one that has an answer can be gone on from."
            raise invalid("previous_response_id", what)
        return response_id, previous.conversation

    async def _began(self, asked: _Asked, key: str | None, call: AuthorizedCall) -> bodies.Response:
        """A response in the background."""
        self._check_jobs(call)
        queued = msgspec.structs.replace(asked.record.response, status="queued")
        record = msgspec.structs.replace(asked.record, response=queued)
        return await self._background.begin(asked.generate, None if key is None else checked(key), record, call)

    async def _pieces(self, asked: _Asked, request: Request, call: AuthorizedCall) -> AsyncGenerator[bytes, None]:
        """The frames of a stream. It is kept before its end is told, so that whoever hears that can go on from it."""
        frames, begun = Frames(asked.record.response), False
        try:
            async with aclosing(self._inference.stream(asked.generate, call, request.told.update)) as events:
                async for event in events:
                    piece = frames.event(event)
                    begun = True
                    if piece:
                        yield piece
            response = frames.whole(int(time.time()))
        except MeshError as error:
            if not begun:
                raise
            response = frames.failed(error)
        yield frames.end(await self._stored(asked.record, response, call))

    async def _stored(self, record: Record, response: bodies.Response, call: AuthorizedCall) -> bodies.Response:
        """The response, kept if it is to be; one that could not be says so, for it was made and paid for."""
        if not response.store or self._kept is None:
            return response
        try:
            await self._kept.put(msgspec.structs.replace(record, response=response), call)
        except MeshError as error:
            log.warning("the response %s is not kept: %s", response.id, error.reason.name)
            return msgspec.structs.replace(response, store=False)
        return response

    def _check_jobs(self, call: AuthorizedCall) -> None:
        if Action.JOBS not in self._authenticator.roles.granted(call.holder.roles):
            what = f"A response in the background is a job, and none of this key's roles has {Action.JOBS}."
            raise MeshError(Reason.PERMISSION_DENIED, what, param="background")

    @property
    def _background(self) -> Background:
        if self._given is None:
            raise without_jobs()
        return self._given


def _check_unkept(body: requests.CreateResponse) -> None:
    """INVALID_REQUEST where something is asked for that needs kept responses."""
    for name in ("background", "previous_response_id", "store"):
        if getattr(body, name):
            raise invalid(name, f"This mesh keeps no responses: put `jobs: {{}}` into its thinmesh.yaml, or leave {name} out.")


def _page(items: list[Item], after: str | None, limit: int) -> bodies.InputItems:
    """Some of the items, from behind one of them on."""
    names = [item.id for item in items]
    if after is not None:
        if after not in names:
            raise invalid("after", "after must be the id of an item of this response.")
        items = items[names.index(after) + 1 :]
    page = items[:limit]
    return bodies.InputItems(page, page[0].id if page else None, page[-1].id if page else None, len(items) > limit)
