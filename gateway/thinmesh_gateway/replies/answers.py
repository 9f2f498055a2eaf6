"""Answers of the contract as responses of OpenAI's Responses API. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.openai.requests import TextFormat
from thinmesh_gateway.openai.responses import logprobs
from thinmesh_gateway.replies.bodies import (
    Call,
    Failure,
    Incomplete,
    InputDetails,
    Message,
    Output,
    OutputDetails,
    OutputText,
    Reasoning,
    ReasoningText,
    Response,
    Status,
    Usage,
)
from thinmesh_gateway.replies.requests import CreateResponse, TextConfig
from thinmesh_gateway.wishes import Given

_LIMITS = frozenset({Reason.QUOTA_EXCEEDED, Reason.SPEND_EXCEEDED})


def begun(
    body: CreateResponse, response_id: str, now: int, tier: Given, *, store: bool, status: Status = "in_progress"
) -> Response:
    """A response that has no answer yet: what was asked for, as it was understood."""
    form = None if body.text is None else body.text.format
    return Response(
        id=response_id,
        created_at=now,
        status=status,
        model=body.model,
        service_tier=tier,
        store=store,
        background=bool(body.background),
        previous_response_id=body.previous_response_id,
        instructions=body.instructions,
        max_output_tokens=body.max_output_tokens,
        max_tool_calls=body.max_tool_calls,
        metadata=body.metadata or {},
        parallel_tool_calls=body.parallel_tool_calls is not False,
        prompt_cache_key=body.prompt_cache_key,
        safety_identifier=body.safety_identifier,
        temperature=body.temperature,
        text=TextConfig(format=form or TextFormat()),
        tool_choice=body.tool_choice or "auto",
        tools=body.tools or [],
        top_logprobs=body.top_logprobs or 0,
        top_p=body.top_p,
        user=body.user,
    )


def whole(response: Response, answer: pb.GenerateResponse, now: int) -> Response:
    """The response that a whole answer makes of one that was begun."""
    (choice,) = answer.choices
    ids = Ids(response.id)
    output: list[Output] = []
    if choice.reasoning:
        output.append(Reasoning(ids.next("rs"), "completed", [ReasoningText(choice.reasoning)]))
    if choice.text or not choice.tool_calls:
        said = OutputText(choice.text, logprobs=logprobs(choice.logprobs))
        output.append(Message(ids.next("msg"), "completed", [said]))
    output += [Call(ids.next("fc"), "completed", one.id, one.name, one.arguments_json) for one in choice.tool_calls]
    note = choice.note if choice.HasField("note") else None
    return ended(response, output, choice.finish_reason, note, answer.usage, now)


def ended(
    response: Response,
    output: Sequence[Output],
    reason: pb.FinishReason.ValueType,
    note: str | None,
    used: usage_pb2.Usage,
    now: int,
) -> Response:
    """The response with its output, whose last item is as whole as the response is."""
    why = incomplete(reason, note)
    if why is not None:
        output = [*output[:-1], msgspec.structs.replace(output[-1], status="incomplete")]
    return msgspec.structs.replace(
        response,
        status="completed" if why is None else "incomplete",
        completed_at=now if why is None else None,
        incomplete_details=why,
        output=list(output),
        usage=usage(used),
    )


def incomplete(reason: pb.FinishReason.ValueType, note: str | None) -> Incomplete | None:
    """Why it is not whole; None where it is."""
    told = UNSET if note is None else note
    if reason == pb.FINISH_REASON_LENGTH:
        return Incomplete("max_output_tokens", told)
    return Incomplete("content_filter", told) if reason == pb.FINISH_REASON_CONTENT_FILTER else None


def failed(response: Response, error: MeshError, output: Sequence[Output] = ()) -> Response:
    """The response with its failure, and what there was of its output."""
    code = "rate_limit_exceeded" if error.reason in _LIMITS else "server_error"
    if error.row.type == "invalid_request_error":
        code = "invalid_prompt"
    return msgspec.structs.replace(response, status="failed", error=Failure(code, error.message), output=list(output))


def usage(used: usage_pb2.Usage) -> Usage:
    """Tokens of a response."""
    return Usage(
        used.prompt_tokens,
        InputDetails(used.cached_prompt_tokens),
        used.completion_tokens,
        OutputDetails(used.reasoning_tokens),
        used.prompt_tokens + used.completion_tokens,
    )


class Ids:
    """The ids of a response's items, in the order of their beginning: whoever makes them again makes the same."""

    def __init__(self, response_id: str) -> None:
        self._of = response_id.removeprefix("resp_")
        self._made = 0

    def next(self, kind: str) -> str:
        """An id."""
        self._made += 1
        return f"{kind}_{self._of}{self._made - 1:02x}"
