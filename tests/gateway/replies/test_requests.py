"""Bodies of the Responses API: every field answered for, every fault named, and what they mean in the contract."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai.types.responses import response_create_params as params
from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.replies import requests, translate
from thinmesh_gateway.replies.record import listed

BODY: dict[str, Any] = {"model": "m", "input": "hi"}
DOCUMENT = (Path(__file__).parents[3] / "docs" / "responses.md").read_text()
SCHEMA = '{"z": 1, "a": {"type":"integer"}}'


def decoded(**fields: Any) -> requests.CreateResponse:
    return requests.decode(json.dumps(BODY | fields).encode())


def generate(**fields: Any) -> pb.GenerateRequest:
    body = decoded(**fields)
    return translate.generate(body, (), listed(body.input, "resp_0"))


def refused(**fields: Any) -> str | None:
    """The field that is at fault."""
    with pytest.raises(MeshError) as raised:
        generate(**fields)
    assert raised.value.reason is Reason.INVALID_REQUEST
    assert "msgspec" not in raised.value.message
    return raised.value.param


def test_the_types_know_every_field_that_the_sdk_can_send() -> None:
    known = {field.encode_name for field in msgspec.structs.fields(requests.CreateResponse)}
    assert set(params.ResponseCreateParamsBase.__annotations__) <= known


def test_the_document_says_of_every_field_what_the_types_do() -> None:
    kind = requests.CreateResponse
    expected = {
        field.encode_name: "refused"
        if field.encode_name in kind.REFUSED
        else "ignored"
        if field.encode_name in kind.IGNORED
        else "honoured"
        for field in msgspec.structs.fields(kind)
    }
    assert dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", DOCUMENT, re.MULTILINE)) == expected


@pytest.mark.parametrize("name", requests.CreateResponse.REFUSED)
def test_a_field_that_is_not_served_is_refused_by_name_and_null_is_as_good_as_absent(name: str) -> None:
    assert refused(**{name: {}}) == name
    assert generate(**{name: None}) == generate()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"frobnicate": 1}, "frobnicate"),
        ({"truncation": "auto"}, "truncation"),
        ({"reasoning": {"effort": "low"}}, "reasoning.effort"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"text": {"format": {"type": "yaml"}}}, "text.format.type"),
        ({"include": ["file_search_call.results"]}, "include"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"background": True, "stream": True}, "stream"),
        ({"background": True, "store": False}, "store"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tool_choice": {"type": "mcp", "name": "x"}}, "tool_choice.type"),
        ({"metadata": {"a": "b" * 513}}, "metadata[...]"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": [{"content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0].file_id",
        ),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "input[0].arguments"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    assert refused(**fields) == param


def test_the_knobs_and_the_form_reach_the_contract_as_they_are() -> None:
    form = {"type": "json_schema", "name": "s", "schema": json.loads(SCHEMA), "strict": True}
    request = generate(
        temperature=0.5,
        top_p=0.25,
        max_output_tokens=7,
        text={"format": form},
        include=[requests.LOGPROBS],
        top_logprobs=2,
        parallel_tool_calls=False,
        tools=[{"type": "function", "name": "f", "parameters": json.loads(SCHEMA), "strict": None}],
        tool_choice={"type": "function", "name": "f"},
    )
    assert (request.sampling.temperature, request.sampling.top_p, request.stopping.max_tokens) == (0.5, 0.25, 7)
    assert json.loads(request.response_format.json_schema.schema_json) == json.loads(SCHEMA)
    assert (request.response_format.json_schema.name, request.logprobs.top) == ("s", 2)
    assert (request.chat.tools[0].name, request.chat.tool_choice.function) == ("f", "f")
    assert json.loads(request.chat.tools[0].parameters_json) == json.loads(SCHEMA)
    bare = generate(tools=[{"type": "function", "name": "f", "parameters": None, "strict": None}])
    assert not bare.chat.tools[0].HasField("parameters_json")
    assert request.chat.parallel_tool_calls is False
    assert not generate().HasField("sampling")
    assert generate(text={"format": {"type": "json_object"}}).response_format.HasField("json_object")


def test_items_become_the_messages_that_a_chat_would_have() -> None:
    chat = generate(
        instructions="Be kind.",
        input=[
            {"role": "developer", "content": "Be short."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b", "annotations": []}]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "1"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "2"}]},
            {"role": "user", "content": [{"type": "input_image", "image_url": "data:x", "detail": "low"}]},
        ],
    ).chat
    assert [message.role for message in chat.messages] == [
        chat_pb2.ROLE_SYSTEM,
        chat_pb2.ROLE_DEVELOPER,
        chat_pb2.ROLE_USER,
        chat_pb2.ROLE_ASSISTANT,
        chat_pb2.ROLE_TOOL,
        chat_pb2.ROLE_TOOL,
        chat_pb2.ROLE_USER,
    ]
    assert [call.id for call in chat.messages[3].tool_calls] == ["c1", "c2"]
    assert [message.tool_call_id for message in chat.messages[4:6]] == ["c1", "c2"]
    assert (chat.messages[6].content[0].image.url, chat.messages[6].content[0].image.detail) == ("data:x", "low")


def test_a_call_without_words_before_it_is_a_message_of_its_own() -> None:
    chat = generate(
        input=[
            {"role": "user", "content": "a"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        ]
    ).chat
    assert [message.role for message in chat.messages] == [chat_pb2.ROLE_USER, chat_pb2.ROLE_ASSISTANT]
    assert not chat.messages[1].content


def test_a_conversation_that_outgrows_a_request_is_told_so() -> None:
    body = decoded()
    before = listed("x" * (4 << 20), "resp_0")
    with pytest.raises(MeshError) as raised:
        translate.generate(body, before, listed(body.input, "resp_1"))
    assert (raised.value.reason, raised.value.param) == (Reason.REQUEST_TOO_LARGE, "previous_response_id")
