"""Streamed responses: what the SDK accumulates of their events is the response that a whole answer makes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from canaries import PROMPT
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response as SdkResponse
from openai.types.responses import response_stream_event
from pydantic import TypeAdapter
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import sampling_pb2, usage_pb2

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.fold import Folding
from thinmesh_gateway.replies import answers, requests
from thinmesh_gateway.replies.bodies import Response
from thinmesh_gateway.replies.frames import Frames

EVENT: TypeAdapter[Any] = TypeAdapter(response_stream_event.ResponseStreamEvent)
USAGE = usage_pb2.Usage(prompt_tokens=3, completion_tokens=4, cached_prompt_tokens=2, reasoning_tokens=1)
LOGPROB = sampling_pb2.TokenLogprob(chosen=sampling_pb2.Logprob(token="a", logprob=-0.5, token_bytes=b"a"))
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
WORDS = st.lists(st.text(min_size=1, max_size=5), max_size=4)
REASONS = st.sampled_from(
    [
        pb.FINISH_REASON_STOP,
        pb.FINISH_REASON_LENGTH,
        pb.FINISH_REASON_TOOL_CALLS,
        pb.FINISH_REASON_CONTENT_FILTER,
    ]
)


def begun(**fields: Any) -> Response:
    body = requests.decode(json.dumps({"model": "m", "input": PROMPT, "tools": [TOOL]} | fields).encode())
    return answers.begun(body, "resp_0a", 7, "default", store=True)


def events_of(frames: bytes) -> list[dict[str, Any]]:
    """The events, each of which says its type twice."""
    told = []
    for part in frames.decode().split("\n\n")[:-1]:
        kind, data = part.split("\n")
        told.append(json.loads(data.removeprefix("data: ")))
        assert kind == f"event: {told[-1]['type']}"
    return told


def streamed(events: list[pb.GenerateEvent]) -> tuple[Response, list[dict[str, Any]]]:
    frames = Frames(begun())
    told = b"".join([frames.event(event) for event in events])
    response = frames.whole(9)
    return response, events_of(told + frames.end(response))


def finished(reason: pb.FinishReason.ValueType = pb.FINISH_REASON_STOP, note: str | None = None) -> pb.GenerateEvent:
    return pb.GenerateEvent(finishes=[pb.Finish(reason=reason, note=note)], usage=USAGE)


@st.composite
def generations(draw: st.DrawFn) -> list[pb.GenerateEvent]:
    """Reasoning, then text, then calls whose pieces come by turns; any of them may be missing."""
    deltas = [pb.Delta(reasoning=word) for word in draw(WORDS)]
    deltas += [pb.Delta(text=word, logprobs=draw(st.sampled_from([[], [LOGPROB]]))) for word in draw(WORDS)]
    count = draw(st.integers(0, 3))
    pieces = [pb.ToolCallDelta(index=index, id=f"c{index}", name="f") for index in range(count)]
    more = draw(st.lists(st.tuples(st.integers(0, count - 1), st.text(max_size=3)), max_size=6)) if count else []
    pieces += [pb.ToolCallDelta(index=index, arguments_json=text) for index, text in more]
    deltas += [pb.Delta(tool_calls=[piece]) for piece in pieces]
    cuts = draw(st.lists(st.integers(0, len(deltas)), max_size=4).map(sorted))
    groups = [deltas[start:end] for start, end in zip([0, *cuts], [*cuts, len(deltas)], strict=True)]
    return [pb.GenerateEvent(deltas=group) for group in groups] + [finished(draw(REASONS))]


def accumulated(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items as their pieces spell them, with what each is said to have been."""
    items: dict[int, dict[str, Any]] = {}
    text: dict[int, str] = {}
    for event in told:
        index = event.get("output_index", -1)
        match event["type"]:
            case "response.output_item.added":
                assert index == len(items)
                items[index], text[index] = event["item"], ""
            case "response.output_text.delta" | "response.reasoning_text.delta" | "response.function_call_arguments.delta":
                text[index] += event["delta"]
            case "response.output_text.done" | "response.reasoning_text.done":
                assert event["text"] == text[index]
            case "response.function_call_arguments.done":
                assert event["arguments"] == text[index]
            case "response.output_item.done":
                assert event["item"]["id"] == items[index]["id"]
                items[index] = event["item"]
    return [items[index] for index in sorted(items)]


@given(generations())
def test_the_events_spell_the_response_that_the_whole_answer_makes(events: list[pb.GenerateEvent]) -> None:
    response, told = streamed(events)
    folding = Folding(1)
    for event in events:
        folding.add(event)
    assert response == answers.whole(begun(), folding.whole(), 9)
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert [told[0]["type"], told[1]["type"]] == ["response.created", "response.in_progress"]
    assert told[-1]["response"] == json.loads(msgspec.json.encode(response))
    assert accumulated(told) == told[-1]["response"]["output"]


@given(generations())
def test_every_event_is_one_of_the_sdks(events: list[pb.GenerateEvent]) -> None:
    for event in streamed(events)[1]:
        EVENT.validate_python(event)


def test_the_documented_events_come_in_their_order() -> None:
    deltas = [
        pb.Delta(reasoning="hm"),
        pb.Delta(text="a"),
        pb.Delta(text="b"),
        pb.Delta(tool_calls=[pb.ToolCallDelta(id="c", name="f", arguments_json="{}")]),
    ]
    _, told = streamed([pb.GenerateEvent(deltas=deltas), finished(pb.FINISH_REASON_TOOL_CALLS)])
    assert [event["type"].removeprefix("response.") for event in told] == [
        *("created", "in_progress"),
        *("output_item.added", "content_part.added", "reasoning_text.delta"),
        *("reasoning_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "content_part.added", "output_text.delta", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "function_call_arguments.delta"),
        *("function_call_arguments.done", "output_item.done"),
        "completed",
    ]


def test_text_that_goes_on_after_a_call_is_another_message() -> None:
    call = pb.Delta(tool_calls=[pb.ToolCallDelta(id="c", name="f", arguments_json="{}")])
    response, told = streamed([pb.GenerateEvent(deltas=[pb.Delta(text="a"), call, pb.Delta(text="b")]), finished()])
    assert [item["type"] for item in accumulated(told)] == ["message", "function_call", "message"]
    assert accumulated(told) == json.loads(msgspec.json.encode(response.output))


def test_a_failure_in_the_middle_ends_with_what_there_was() -> None:
    frames = Frames(begun())
    frames.event(pb.GenerateEvent(deltas=[pb.Delta(text="a")]))
    response = frames.failed(MeshError(Reason.ENGINE_UNAVAILABLE, "gone"))
    told = events_of(frames.end(response))
    assert [event["type"] for event in told] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.failed",
    ]
    assert told[-1]["response"]["error"] == {"code": "server_error", "message": "gone"}
    assert told[-1]["response"]["output"][0]["status"] == "incomplete"


@pytest.mark.parametrize(
    ("reason", "note", "why"),
    [
        (pb.FINISH_REASON_LENGTH, None, {"reason": "max_output_tokens"}),
        (pb.FINISH_REASON_LENGTH, "quota", {"reason": "max_output_tokens", "finish_note": "quota"}),
        (pb.FINISH_REASON_CONTENT_FILTER, None, {"reason": "content_filter"}),
    ],
)
def test_what_is_cut_short_says_why(reason: pb.FinishReason.ValueType, note: str | None, why: dict[str, str]) -> None:
    _, told = streamed([pb.GenerateEvent(deltas=[pb.Delta(text="a")]), finished(reason, note)])
    assert told[-1]["type"] == "response.incomplete"
    assert told[-1]["response"]["incomplete_details"] == why
    assert told[-1]["response"]["output"][0]["status"] == "incomplete"
    assert told[-1]["response"]["completed_at"] is None


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.QUOTA_EXCEEDED, "rate_limit_exceeded"),
        (Reason.CONTEXT_LENGTH_EXCEEDED, "invalid_prompt"),
        (Reason.INTERNAL, "server_error"),
    ],
)
def test_a_failure_has_one_of_the_sdks_codes(reason: Reason, code: str) -> None:
    error = answers.failed(begun(), MeshError(reason, "no")).error
    assert error is not None
    assert error.code == code


def test_a_response_is_the_sdks_and_repeats_what_was_asked() -> None:
    asked = {
        "instructions": "i",
        "temperature": 0.5,
        "metadata": {"a": "b"},
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_schema", "name": "s", "schema": {"z": 1, "a": 2}}},
    }
    choice = pb.Choice(text="a", reasoning="hm", logprobs=[LOGPROB], finish_reason=pb.FINISH_REASON_STOP)
    body = json.loads(msgspec.json.encode(answers.whole(begun(**asked), pb.GenerateResponse(choices=[choice], usage=USAGE), 9)))
    parsed = SdkResponse.model_validate(body)
    assert (parsed.output_text, parsed.status, parsed.completed_at) == ("a", "completed", 9)
    assert parsed.usage is not None
    assert (parsed.usage.input_tokens, parsed.usage.output_tokens, parsed.usage.total_tokens) == (3, 4, 7)
    assert parsed.usage.input_tokens_details.cached_tokens == 2
    assert parsed.usage.output_tokens_details.reasoning_tokens == 1
    assert {name: body[name] for name in asked if name != "text"} == {name: asked[name] for name in asked if name != "text"}
    assert body["text"]["format"]["schema"] == {"z": 1, "a": 2}
    assert body["tools"][0]["parameters"] == TOOL["parameters"]
