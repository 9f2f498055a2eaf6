"""What every call of a backend begins with at the router, and ends with: its span, and what is told of its course."""

from __future__ import annotations

from typing import Any

import grpc

from thinmesh_core.call import from_metadata
from thinmesh_core.capabilities import Request
from thinmesh_core.course import Course
from thinmesh_core.traces import spans
from thinmesh_core.traces.spans import Kind, Traced
from thinmesh_router.admission import Admission
from thinmesh_router.ticket import Ticket

Context = grpc.aio.ServicerContext[Any, Any]


async def received(admission: Admission, request: Request, context: Context, *, streaming: bool) -> Ticket:
    """The ticket of what came; at its end the caller is told its course, of several that share a stream the last one's."""
    traced = Traced("route", Kind.SERVER, from_metadata(context.invocation_metadata()))
    try:
        ticket = await admission.admit(request, traced.call, context.time_remaining(), streaming=streaming)
    except BaseException as error:
        traced.end(error)
        raise

    def ended(ticket: Ticket, course: Course, error: BaseException | None) -> None:
        context.set_trailing_metadata(course.to_metadata())
        if traced.kept:
            traced.attributes = _attributes(ticket, course)
        traced.end(error)

    ticket.ended = ended
    return ticket


def _attributes(ticket: Ticket, course: Course) -> dict[str, str | int | float | bool]:
    call, found = ticket.call, {spans.INPUT_TOKENS: course.input_tokens, spans.OUTPUT_TOKENS: course.output_tokens}
    return {
        spans.REQUEST_ID: call.request_id,
        spans.TENANT: call.tenant,
        spans.PRIORITY: call.priority.word,
        spans.MODEL: ticket.route.model,
        spans.BACKEND: course.backend,
        "thinmesh.queue_seconds": course.queue,
        "thinmesh.retries_seconds": course.retries,
        **({} if course.first_token is None else {spans.FIRST_TOKEN: course.first_token}),
        **{name: tokens for name, tokens in found.items() if tokens is not None},
    }
