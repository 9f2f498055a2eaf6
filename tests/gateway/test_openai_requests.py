"""OpenAI's bodies: every field answered for, every fault named, and what they mean in the contract."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.intake import Intake
from thinmesh_gateway.exchange import Request
from thinmesh_gateway.openai import requests, translate
from thinmesh_gateway.openai.routes import OpenAIRoutes

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
TEXT: dict[str, Any] = {"model": "m", "prompt": "hi"}
EMBED: dict[str, Any] = {"model": "m", "input": "hi"}
KINDS: list[tuple[type[Any], dict[str, Any]]] = [
    (requests.ChatCompletion, CHAT),
    (requests.TextCompletion, TEXT),
    (requests.Embeddings, EMBED),
    (requests.Rerank, {"model": "m", "query": "q", "documents": ["d"]}),
]


def refusal(data: bytes, kind: type[Any] = requests.ChatCompletion) -> MeshError:
    """How a body is refused."""
    with pytest.raises(MeshError) as raised:
        requests.decode(data, kind)
    assert raised.value.reason is Reason.INVALID_REQUEST
    return raised.value


def chat(**fields: Any) -> pb.GenerateRequest:
    return translate.chat(requests.decode(json.dumps(CHAT | fields).encode(), requests.ChatCompletion))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 2**40}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stream": 1}, "stream"),
        ({"frobnicate": 1}, "frobnicate"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": "x", "mood": "sad"}]}, "messages[0].mood"),
        ({"response_format": {"type": "yaml"}}, "response_format.type"),
        ({"tools": [{"type": "web"}]}, "tools[0].type"),
        ({"n": 1.5}, "n"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"seed": 10**400}, "seed"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    error = refusal(json.dumps(CHAT | fields).encode())
    assert (error.param or "").startswith(param)
    assert "msgspec" not in error.message
    assert "$" not in error.message


def test_a_missing_field_is_named() -> None:
    assert refusal(b'{"messages": []}').param == "model"
    assert refusal(b'{"model": "m"}').param == "messages"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b'{"model": "\xff"}',
        b'{"model": NaN}',
        b"[" * 100_000,
        b'{"model": "m", "metadata": ' + b'{"a":' * 50_000,
        b'{"model": "m", "messages": [], "prompt_cache_options": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"model": "\\ud800", "messages": 1}',
        b'{"seed": ' + b"9" * 1_000_000 + b"}",
        b'{"a": 1} {"b": 2}',
    ],
    ids=lambda data: str(data[:24]),
)
def test_hostile_json_is_refused_and_nothing_more(data: bytes) -> None:
    refusal(data)


@pytest.mark.parametrize(("kind", "least"), KINDS)
def test_null_is_as_good_as_absent(kind: type[Any], least: dict[str, Any]) -> None:
    optional = {field.encode_name: None for field in msgspec.structs.fields(kind) if not field.required}
    optional.pop("engine_options", None)
    requests.decode(json.dumps(optional | least).encode(), kind)


@pytest.mark.parametrize(("kind", "least"), KINDS)
def test_what_is_not_served_is_refused_by_name(kind: type[Any], least: dict[str, Any]) -> None:
    for name in kind.REFUSED:
        assert refusal(json.dumps(least | {name: {"x": 1}}).encode(), kind).param == name


@pytest.mark.parametrize(("kind", "least"), KINDS)
def test_every_field_is_used_or_refused_or_ignored(kind: type[Any], least: dict[str, Any]) -> None:
    package = Path(requests.__file__).parent
    read: set[str] = set()
    for name in ("translate.py", "routes.py"):
        tree = ast.parse((package / name).read_text())
        read |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    fields = {field.encode_name for field in msgspec.structs.fields(kind)}
    only_one_value = {"best_of", "echo"}  # their type allows what the service does anyway
    unanswered = fields - read - set(kind.REFUSED) - set(kind.IGNORED) - only_one_value
    assert not unanswered
    assert not set(kind.REFUSED) & set(kind.IGNORED)
    assert set(kind.REFUSED) | set(kind.IGNORED) <= fields


def test_every_knob_lands_in_its_field() -> None:
    request = chat(
        temperature=0.5, top_p=0.9, top_k=5, min_p=0.25, frequency_penalty=1, presence_penalty=-1, repetition_penalty=1.5,
        seed=-3, n=2, logit_bias={"7": -50}, max_tokens=9, min_tokens=2, stop=["a", "b"], stop_token_ids=[4], ignore_eos=True,
        logprobs=True, top_logprobs=3, parallel_tool_calls=False, engine_options={"b": 1, "a": 1.0},
    )  # fmt: skip
    sampling, stopping = request.sampling, request.stopping
    assert (sampling.temperature, sampling.top_k, sampling.min_p, sampling.seed, sampling.n) == (0.5, 5, 0.25, -3, 2)
    assert (sampling.frequency_penalty, sampling.presence_penalty, sampling.repetition_penalty) == (1, -1, 1.5)
    assert sampling.top_p == pytest.approx(0.9)
    assert dict(sampling.logit_bias) == {7: -50}
    assert (stopping.max_tokens, stopping.min_tokens, list(stopping.stop)) == (9, 2, ["a", "b"])
    assert (list(stopping.stop_token_ids), stopping.ignore_eos) == ([4], True)
    assert (request.logprobs.top, request.chat.parallel_tool_calls) == (3, False)
    assert request.engine_options_json == '{"b": 1, "a": 1.0}'


def test_what_is_not_said_stays_unset() -> None:
    assert chat() == pb.GenerateRequest(
        model="m",
        chat=chat_pb2.ChatInput(
            messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(text="hi")])]
        ),
    )


def test_the_newer_name_of_max_tokens_wins() -> None:
    assert chat(max_tokens=5, max_completion_tokens=7).stopping.max_tokens == 7
    assert chat(max_tokens=5).stopping.max_tokens == 5


def test_alternatives_without_logprobs_are_refused() -> None:
    with pytest.raises(MeshError) as raised:
        chat(top_logprobs=2)
    assert raised.value.param == "top_logprobs"


def test_schemas_keep_their_text() -> None:
    schema = '{"type":"object","properties":{"z":{"type":"integer","maximum":9007199254740993},"a":{}}}'
    data = (
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":'
        + schema.encode()
        + b'}}],"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":'
        + schema.encode()
        + b"}}}"
    )
    request = translate.chat(requests.decode(data, requests.ChatCompletion))
    assert request.chat.tools[0].parameters_json == schema
    assert request.response_format.json_schema.schema_json == schema


def test_a_tool_may_say_that_it_has_no_parameters() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": None}}]
    assert not chat(tools=tools).chat.tools[0].HasField("parameters_json")


def test_a_conversation_with_tools_and_images() -> None:
    request = chat(
        messages=[
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}}]},
            {"role": "assistant", "content": None, "refusal": None, "annotations": [], "audio": None, "function_call": None,
             "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "done", "name": "f"},
        ],
        tools=[{"type": "function", "function": {"name": "f", "strict": True}}],
        tool_choice={"type": "function", "function": {"name": "f"}},
    )  # fmt: skip
    developer, user, assistant, tool = request.chat.messages
    assert developer.role == chat_pb2.ROLE_DEVELOPER
    assert (user.content[0].text, user.content[1].image.url, user.content[1].image.detail) == ("see", "data:,", "low")
    assert (assistant.tool_calls[0].id, assistant.tool_calls[0].arguments_json, list(assistant.content)) == (
        "c1",
        '{"a": 1}',
        [],
    )
    assert (tool.tool_call_id, tool.content[0].text, tool.name) == ("c1", "done", "f")
    assert (request.chat.tool_choice.function, request.chat.tools[0].strict) == ("f", True)


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1], [2, 3]], [[1], [2, 3]]),
        ([], None),
        (["a", 1], None),
        (["a", [1]], None),
        ([[]], [[]]),
    ],
)
def test_inputs_are_texts_or_tokens_one_or_many(given: Any, inputs: list[Any] | None) -> None:
    text = requests.decode(json.dumps(TEXT | {"prompt": given}).encode(), requests.TextCompletion)
    vectors = requests.decode(json.dumps(EMBED | {"input": given}).encode(), requests.Embeddings)
    if inputs is None:
        for translated in (lambda: translate.completions(text), lambda: translate.embed(vectors)):
            with pytest.raises(MeshError):
                translated()
        return
    prompts = [list(one.token_ids.ids) if one.HasField("token_ids") else one.text for one in translate.completions(text)]
    assert [one or prompt for one, prompt in zip(inputs, prompts, strict=True)] == [
        one or p for one, p in zip(prompts, inputs, strict=True)
    ]
    assert len(translate.embed(vectors).inputs) == len(inputs)


def test_a_text_completion_has_sixteen_tokens_unless_it_says_so() -> None:
    body = requests.decode(json.dumps(TEXT).encode(), requests.TextCompletion)
    assert translate.completions(body)[0].stopping.max_tokens == 16


@pytest.mark.parametrize(
    ("param", "repeated"),
    [
        ("engine_options", {"engine_options": {"a": "x" * 1_000_000}}),
        ("response_format", {"structured_outputs": {"grammar": "x" * 1_000_000}}),
        ("stop", {"stop": ["x" * 1_000_000]}),
    ],
)
def test_what_every_prompt_repeats_is_looked_at_before_it_is_repeated(param: str, repeated: dict[str, Any]) -> None:
    body = json.dumps(TEXT | {"prompt": ["a"] * 128} | repeated).encode()
    with pytest.raises(MeshError) as raised:
        translate.completions(requests.decode(body, requests.TextCompletion))
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, param)


async def test_what_every_prompt_repeats_needs_room_like_a_body() -> None:
    body = json.dumps(TEXT | {"prompt": ["a"] * 128, "engine_options": {"a": "x" * 60_000}}).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    call: Any = SimpleNamespace(request_id="r")
    nobody: Any = None
    request = Request({"type": "http", "headers": []}, receive, Intake(128 * 60_000))
    with pytest.raises(MeshError) as raised:
        await OpenAIRoutes(nobody).completions(request, call)
    assert raised.value.reason is Reason.OVERLOADED


@pytest.mark.parametrize("outputs", [{}, {"regex": "a", "grammar": "b"}])
def test_structured_outputs_are_exactly_one(outputs: dict[str, str]) -> None:
    with pytest.raises(MeshError) as raised:
        chat(structured_outputs=outputs)
    assert raised.value.param == "structured_outputs"
    assert chat(structured_outputs={"choice": ["a", "b"]}).response_format.choice.texts == ["a", "b"]
