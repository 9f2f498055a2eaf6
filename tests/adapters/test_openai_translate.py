"""The contract's requests as OpenAI's bodies, and where llama.cpp differs."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.llamacpp.translate import llama_body
from thinmesh_adapters.openai.translate import embed_body, generate_body, rerank_body
from thinmesh_core.errors import MeshError, Reason

SCHEMA = '{"type":"object","properties":{"b":{"maximum":9007199254740993},"a":{}}}'
STREAMED = {"model": "e", "stream": True, "stream_options": {"include_usage": True}}
EVERY_KNOB = pb.GenerateRequest(
    text="x",
    sampling=sampling_pb2.Sampling(
        temperature=0.7, top_p=0.9, top_k=5, min_p=0.1, frequency_penalty=0.3, presence_penalty=-0.3, repetition_penalty=1.1,
        seed=-1, n=2, logit_bias={3: 1.5},
    ),
    stopping=sampling_pb2.Stopping(max_tokens=5, min_tokens=1, stop=["a"], stop_token_ids=[9], ignore_eos=True),
    logprobs=sampling_pb2.LogprobOptions(top=2),
    engine_options_json='{"priority": 3}',
)  # fmt: skip


def sent(body: Any) -> Any:
    """What goes over the wire."""
    return json.loads(msgspec.json.encode(body))


def test_every_knob_is_sent_and_floats_keep_their_decimals() -> None:
    assert sent(generate_body(EVERY_KNOB, "e")) == STREAMED | {
        "prompt": "x", "temperature": 0.7, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "frequency_penalty": 0.3,
        "presence_penalty": -0.3, "repetition_penalty": 1.1, "seed": -1, "n": 2, "logit_bias": {"3": 1.5}, "max_tokens": 5,
        "min_tokens": 1, "stop": ["a"], "stop_token_ids": [9], "ignore_eos": True, "logprobs": 2, "priority": 3,
    }  # fmt: skip


def test_every_field_of_the_contract_is_sent() -> None:
    assert {field.name for field in sampling_pb2.Sampling.DESCRIPTOR.fields} <= {
        name for name, _ in _listed(EVERY_KNOB.sampling)
    }
    assert {field.name for field in sampling_pb2.Stopping.DESCRIPTOR.fields} <= {
        name for name, _ in _listed(EVERY_KNOB.stopping)
    }


def test_what_is_unset_is_left_to_the_engine() -> None:
    assert sent(generate_body(pb.GenerateRequest(text="x"), "e")) == STREAMED | {"prompt": "x"}
    assert sent(generate_body(pb.GenerateRequest(token_ids=pb.TokenIds(ids=[1, 2])), "e")) == STREAMED | {"prompt": [1, 2]}


def test_a_conversation_is_sent_with_its_schemas_verbatim() -> None:
    part = chat_pb2.ContentPart
    request = pb.GenerateRequest(
        chat=chat_pb2.ChatInput(
            messages=[
                chat_pb2.Message(role=chat_pb2.ROLE_SYSTEM, content=[part(text="be brief")], name="s"),
                chat_pb2.Message(
                    role=chat_pb2.ROLE_USER, content=[part(text="a"), part(image=chat_pb2.Image(url="data:,", detail="low"))]
                ),
                chat_pb2.Message(
                    role=chat_pb2.ROLE_ASSISTANT, tool_calls=[chat_pb2.ToolCall(id="c", name="f", arguments_json="{}")]
                ),
                chat_pb2.Message(role=chat_pb2.ROLE_TOOL, content=[part(text="r")], tool_call_id="c"),
                chat_pb2.Message(role=chat_pb2.ROLE_USER),
            ],
            tools=[chat_pb2.Tool(name="f", description="d", parameters_json=SCHEMA, strict=True)],
            tool_choice=chat_pb2.ToolChoice(mode=chat_pb2.TOOL_MODE_REQUIRED),
            parallel_tool_calls=False,
        ),
        response_format=sampling_pb2.ResponseFormat(
            json_schema=sampling_pb2.JsonSchema(name="s", schema_json=SCHEMA, strict=True, description="d")
        ),
        logprobs=sampling_pb2.LogprobOptions(),
    )
    body = generate_body(request, "e")
    assert SCHEMA.encode() in msgspec.json.encode(body["tools"])
    assert SCHEMA.encode() in msgspec.json.encode(body["response_format"])
    assert sent(body["messages"]) == [
        {"role": "system", "content": "be brief", "name": "s"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}}]},
        {"role": "assistant", "content": None,
         "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "content": "r", "tool_call_id": "c"},
        {"role": "user", "content": ""},
    ]  # fmt: skip
    assert (body["tool_choice"], body["parallel_tool_calls"], body["logprobs"], body["top_logprobs"]) == (
        "required",
        False,
        True,
        0,
    )
    request.chat.tool_choice.function = "f"
    assert sent(generate_body(request, "e"))["tool_choice"] == {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("form", "field", "value"),
    [
        (sampling_pb2.ResponseFormat(json_object=sampling_pb2.JsonObject()), "response_format", {"type": "json_object"}),
        (sampling_pb2.ResponseFormat(regex="a+"), "structured_outputs", {"regex": "a+"}),
        (sampling_pb2.ResponseFormat(grammar="g"), "structured_outputs", {"grammar": "g"}),
        (
            sampling_pb2.ResponseFormat(choice=sampling_pb2.Choices(texts=["a", "b"])),
            "structured_outputs",
            {"choice": ["a", "b"]},
        ),
    ],
)
def test_a_constraint_is_sent_in_its_form(form: sampling_pb2.ResponseFormat, field: str, value: Any) -> None:
    assert sent(generate_body(pb.GenerateRequest(text="x", response_format=form), "e"))[field] == value


def test_embeddings_and_rankings() -> None:
    inputs = [pb.EmbedInput(text="a"), pb.EmbedInput(token_ids=pb.TokenIds(ids=[1]))]
    body = embed_body(pb.EmbedRequest(inputs=inputs, dimensions=3), "e")
    assert body == {"model": "e", "input": ["a", [1]], "encoding_format": "float", "dimensions": 3}
    body = rerank_body(pb.RerankRequest(query="q", documents=["a", "b"]), "e")
    assert body == {"model": "e", "query": "q", "documents": ["a", "b"], "top_n": 2}


def test_llama_cpp_has_its_own_names() -> None:
    form = sampling_pb2.ResponseFormat(grammar="root ::= x")
    request = pb.GenerateRequest(text="x", sampling=sampling_pb2.Sampling(repetition_penalty=1.5), response_format=form)
    assert sent(llama_body(request, "e")) == STREAMED | {
        "prompt": "x", "repeat_penalty": 1.5, "grammar": "root ::= x", "return_progress": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        (sampling_pb2.ResponseFormat(json_object=sampling_pb2.JsonObject()), {"type": "object"}),
        (sampling_pb2.ResponseFormat(json_schema=sampling_pb2.JsonSchema(name="s", schema_json=SCHEMA)), json.loads(SCHEMA)),
    ],
)
def test_llama_cpps_text_completions_know_schemas_by_another_name(form: sampling_pb2.ResponseFormat, schema: Any) -> None:
    body = sent(llama_body(pb.GenerateRequest(text="x", response_format=form), "e"))
    assert body["json_schema"] == schema
    assert "response_format" not in body


@pytest.mark.parametrize("name", ["min_tokens", "stop_token_ids"])
def test_what_llama_cpp_would_drop_in_silence_is_refused(name: str) -> None:
    stopping = sampling_pb2.Stopping(min_tokens=1) if name == "min_tokens" else sampling_pb2.Stopping(stop_token_ids=[1])
    with pytest.raises(MeshError) as raised:
        llama_body(pb.GenerateRequest(text="x", stopping=stopping), "e")
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, name)


def _listed(message: Any) -> list[tuple[str, Any]]:
    return [(field.name, value) for field, value in message.ListFields()]
