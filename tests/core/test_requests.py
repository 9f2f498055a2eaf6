"""What is known of a request without a model: its bounds and the capabilities it needs; and what is known of a call."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core import bounds, capabilities
from thinmesh_core.call import MAX_HOPS, Call, from_metadata, traceparent
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.request_id import request_id

USER = chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(text="hi")])


def chat(**fields: Any) -> pb.GenerateRequest:
    defaults: dict[str, Any] = {"messages": [USER]}
    return pb.GenerateRequest(model="m", chat=chat_pb2.ChatInput(**(defaults | fields)))


def text(**fields: Any) -> pb.GenerateRequest:
    return pb.GenerateRequest(model="m", text="x", **fields)


def sampled(**fields: Any) -> pb.GenerateRequest:
    return text(sampling=sampling_pb2.Sampling(**fields))


def stopped(**fields: Any) -> pb.GenerateRequest:
    return text(stopping=sampling_pb2.Stopping(**fields))


def formed(**fields: Any) -> pb.GenerateRequest:
    return text(response_format=sampling_pb2.ResponseFormat(**fields))


def said(**fields: Any) -> pb.GenerateRequest:
    return chat(messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, **fields)])


UNKNOWN: Any = 99
TOOL = chat_pb2.Tool(name="look", parameters_json='{"type": "object"}')

FINE = [
    chat(),
    text(),
    pb.GenerateRequest(model="m", token_ids=pb.TokenIds(ids=[1])),
    sampled(temperature=0, top_p=1, top_k=0, min_p=0, n=128, seed=-5, logit_bias={5: -100}),
    stopped(max_tokens=1, min_tokens=1, stop=["x"] * 16),
    chat(tools=[TOOL], tool_choice=chat_pb2.ToolChoice(function="look")),
    formed(regex="a+"),
    formed(json_schema=sampling_pb2.JsonSchema(name="s", schema_json="{}")),
    pb.EmbedRequest(model="m", inputs=[pb.EmbedInput(token_ids=pb.TokenIds(ids=[1]))], dimensions=5),
    pb.RerankRequest(model="m", query="q", documents=["", "d"], top_n=1),
    pb.CountTokensRequest(model="m", text=""),
]

WRONG = [
    ("model", pb.GenerateRequest(text="x")),
    ("model", pb.GenerateRequest(model="m" * 129, text="x")),
    ("input", pb.GenerateRequest(model="m")),
    ("prompt", pb.GenerateRequest(model="m", text="")),
    ("prompt", pb.GenerateRequest(model="m", token_ids=pb.TokenIds())),
    ("messages", chat(messages=[])),
    ("messages[0].role", chat(messages=[chat_pb2.Message()])),
    ("messages[0].content", chat(messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart()])])),
    ("messages[0].tool_call_id", chat(messages=[chat_pb2.Message(role=chat_pb2.ROLE_TOOL)])),
    ("tools", chat(tools=[TOOL] * 129)),
    ("tool_choice", chat(tool_choice=chat_pb2.ToolChoice(function="look"))),
    ("tool_choice", chat(tool_choice=chat_pb2.ToolChoice(mode=chat_pb2.TOOL_MODE_REQUIRED))),
    ("temperature", sampled(temperature=2.1)),
    ("temperature", sampled(temperature=-0.1)),
    ("temperature", sampled(temperature=math.nan)),
    ("top_p", sampled(top_p=math.inf)),
    ("repetition_penalty", sampled(repetition_penalty=0)),
    ("n", sampled(n=0)),
    ("n", sampled(n=129)),
    ("logit_bias", sampled(logit_bias={1: 101})),
    ("logit_bias", sampled(logit_bias=dict.fromkeys(range(2000), 1))),
    ("max_tokens", stopped(max_tokens=0)),
    ("max_tokens", stopped(max_tokens=10**9)),
    ("min_tokens", stopped(max_tokens=2, min_tokens=3)),
    ("stop", stopped(stop=["x"] * 17)),
    ("stop", stopped(stop=[""])),
    ("stop", stopped(stop=["x" * 2000])),
    ("stop_token_ids", stopped(stop_token_ids=range(50))),
    ("logprobs", text(logprobs=sampling_pb2.LogprobOptions(top=21))),
    ("response_format", formed()),
    ("response_format", formed(json_schema=sampling_pb2.JsonSchema(name="", schema_json="{}"))),
    ("response_format", formed(choice=sampling_pb2.Choices())),
    ("response_format", formed(choice=sampling_pb2.Choices(texts=["x" * 2000]))),
    ("engine_options", text(engine_options_json="[]")),
    ("engine_options", text(engine_options_json='{"a": NaN}')),
    ("engine_options", text(engine_options_json='{"a": 1, "a": 2}')),
    ("engine_options", text(engine_options_json='{"a": ' + "[" * 65 + "]" * 65 + "}")),
    ("engine_options", text(engine_options_json='{"a": "' + "x" * 70_000 + '"}')),
    ("model", pb.GenerateRequest(model="m\nINFO all is well", text="x")),
    ("messages[0].role", chat(messages=[chat_pb2.Message(role=UNKNOWN)])),
    ("messages[0].content", said(content=[chat_pb2.ContentPart(text="")] * 1025)),
    ("messages[0].content", said(content=[chat_pb2.ContentPart(image=chat_pb2.Image(url="data:,", detail="huge"))])),
    ("messages[0].name", said(name="x" * 65)),
    ("messages[0].tool_calls", said(tool_calls=[chat_pb2.ToolCall(name="f")] * 129)),
    ("messages[0].tool_calls", said(tool_calls=[chat_pb2.ToolCall(name="x" * 65)])),
    ("messages[0].tool_calls", said(tool_calls=[chat_pb2.ToolCall(name="f", id="x" * 2000)])),
    ("messages[0].tool_calls", said(tool_calls=[chat_pb2.ToolCall(name="f", arguments_json="[" * 100_000)])),
    ("tool_choice", chat(tool_choice=chat_pb2.ToolChoice(mode=UNKNOWN))),
    ("logprobs", text(logprobs=sampling_pb2.LogprobOptions(top=1_000_000))),
    ("n", text(sampling=sampling_pb2.Sampling(n=128), stopping=sampling_pb2.Stopping(max_tokens=1 << 16))),
    ("input", pb.EmbedRequest(model="m")),
    ("input", pb.EmbedRequest(model="m", inputs=[pb.EmbedInput()])),
    ("input", pb.EmbedRequest(model="m", inputs=[pb.EmbedInput(text="x")] * 2049)),
    ("dimensions", pb.EmbedRequest(model="m", inputs=[pb.EmbedInput(text="x")], dimensions=0)),
    ("query", pb.RerankRequest(model="m", documents=["d"])),
    ("documents", pb.RerankRequest(model="m", query="q")),
    ("top_n", pb.RerankRequest(model="m", query="q", documents=["d"], top_n=0)),
    ("input", pb.CountTokensRequest(model="m")),
]


@pytest.mark.parametrize("request_", FINE, ids=str)
def test_what_is_within_bounds_passes(request_: capabilities.Request) -> None:
    bounds.check(request_)


@pytest.mark.parametrize(("param", "request_"), WRONG)
def test_what_is_out_of_bounds_is_refused_by_name(param: str, request_: capabilities.Request) -> None:
    with pytest.raises(MeshError) as raised:
        bounds.check(request_)
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, param)


@pytest.mark.parametrize(
    ("request_", "needs"),
    [
        (chat(), {cap.CAPABILITY_CHAT}),
        (text(), {cap.CAPABILITY_COMPLETION}),
        (pb.GenerateRequest(token_ids=pb.TokenIds(ids=[1])), {cap.CAPABILITY_TOKEN_IDS}),
        (chat(tools=[TOOL]), {cap.CAPABILITY_CHAT, cap.CAPABILITY_TOOLS}),
        (sampled(n=1), {cap.CAPABILITY_COMPLETION}),
        (sampled(n=2, logit_bias={1: 1}), {cap.CAPABILITY_COMPLETION, cap.CAPABILITY_N, cap.CAPABILITY_LOGIT_BIAS}),
        (formed(json_object=sampling_pb2.JsonObject()), {cap.CAPABILITY_COMPLETION, cap.CAPABILITY_JSON_OBJECT}),
        (formed(grammar="g"), {cap.CAPABILITY_COMPLETION, cap.CAPABILITY_GRAMMAR}),
        (text(logprobs=sampling_pb2.LogprobOptions()), {cap.CAPABILITY_COMPLETION, cap.CAPABILITY_LOGPROBS}),
        (pb.EmbedRequest(), {cap.CAPABILITY_EMBED}),
        (pb.EmbedRequest(dimensions=3), {cap.CAPABILITY_EMBED, cap.CAPABILITY_EMBED_DIMENSIONS}),
        (pb.RerankRequest(), {cap.CAPABILITY_RERANK}),
        (pb.CountTokensRequest(), {cap.CAPABILITY_COUNT_TOKENS}),
    ],
    ids=str,
)
def test_a_request_needs_these_capabilities(request_: capabilities.Request, needs: set[capabilities.Capability]) -> None:
    assert capabilities.required(request_) == needs
    capabilities.check(request_, needs)
    with pytest.raises(MeshError) as raised:
        capabilities.check(request_, ())
    assert raised.value.reason is Reason.CAPABILITY_MISSING
    assert all(capabilities.name(one) in raised.value.message for one in needs)


def test_images_need_their_capability() -> None:
    part = chat_pb2.ContentPart(image=chat_pb2.Image(url="data:,"))
    message = chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[part])
    assert cap.CAPABILITY_IMAGES in capabilities.required(chat(messages=[message]))


ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(ASCII, ASCII, ASCII, st.integers(0, MAX_HOPS))
def test_a_call_survives_its_metadata(identifier: str, tenant: str, principal: str, hops: int) -> None:
    call = Call(
        request_id(identifier), tenant, principal, traceparent("00-" + "a" * 32 + "-" + "b" * 16 + "-01"), "engine-name", hops
    )
    assert from_metadata(call.to_metadata()) == call


@given(st.text(max_size=200))
def test_a_request_id_is_harmless_whatever_was_sent(given_id: str) -> None:
    taken = request_id(given_id)
    assert 1 <= len(taken) <= 128
    assert taken.isascii()
    assert not set(taken) & set(" \r\n\t\"'{}")


@pytest.mark.parametrize("hops", ["-1", "x", "99", ""])
def test_nonsense_hops_count_as_too_many(hops: str) -> None:
    call = from_metadata((("thinmesh-hops", hops),))
    with pytest.raises(MeshError) as raised:
        call.forwarded("m")
    assert raised.value.reason is Reason.TOO_MANY_HOPS
