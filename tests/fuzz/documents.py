"""Documents to start from and ways to spoil them: JSON as values and as bytes, and protobuf as bytes."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

SCHEMA = {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": "string", "pattern": "^a+$"}}}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}}
PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
MESSAGES = [
    {"role": "system", "content": "s"},
    {
        "role": "user",
        "content": [{"type": "text", "text": "t"}, {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}],
    },
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "x"},
]
KNOBS = {
    "temperature": 0.5, "top_p": 0.5, "top_k": 5, "min_p": 0.1, "frequency_penalty": 1, "presence_penalty": -1, "n": 2, "seed": 3,
    "repetition_penalty": 1.1, "logit_bias": {"5": 1}, "max_tokens": 5, "min_tokens": 1, "stop": ["a"], "stop_token_ids": [1],
    "ignore_eos": False, "stream": True, "stream_options": {"include_usage": True}, "engine_options": {"a": [1, {"b": None}]},
}  # fmt: skip
FORM = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}
CHAT = {
    "model": "m",
    "messages": MESSAGES,
    "tools": [TOOL],
    "tool_choice": "auto",
    "logprobs": True,
    "top_logprobs": 2,
    **KNOBS,
}
COMPLETION = {"model": "m", "prompt": "x", "logprobs": 1, "structured_outputs": {"regex": "(a|b)+"}, **KNOBS}
INFER = {
    "id": "1",
    "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [[1, 2.5]]}],
    "outputs": [{"name": "y"}],
}

BODIES: dict[str, list[Any]] = {
    "chat": [CHAT, CHAT | {"response_format": FORM}],
    "completions": [COMPLETION, {"model": "m", "prompt": [[1, 2], [3]]}],
    "embeddings": [{"model": "m", "input": ["a", "b"], "dimensions": 5}],
    "rerank": [{"model": "m", "query": "q", "documents": ["d"], "top_n": 1}],
    "infer": [INFER],
}

HOSTILE: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, 0, -1, 1 << 31, 1 << 63, 10**400, 1e308, -0.0, "", "x" * 3000, "\x00", "\ud83d", "\u2028", "{}", [], {}, [[]], [None] * 200,
        {"$ref": "#"}, {"$ref": "#/$defs/a"}, {"pattern": "(a+)+$"}, {"": {"": {}}}, "(a*)*", "http://169.254.169.254/", "data:image/gif;base64,R0lGODlh",
    ]
)  # fmt: skip
VALUES = st.recursive(HOSTILE | st.text(max_size=8) | st.integers() | st.floats(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=6)  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn, documents: list[Any]) -> Any:
    """One of the documents with a few values replaced, taken away, put in, or put elsewhere."""
    document = json.loads(json.dumps(draw(st.sampled_from(documents))))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(document))
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(("replace", "delete", "move", "insert"))):
            case "delete":
                del holder[key]
            case "move":
                other, there = draw(st.sampled_from(places))
                if other is not holder and not _within(holder[key], other) and there in _keys(other):
                    other[there] = deepcopy(holder[key])
            case "insert" if isinstance(holder, dict):
                holder[draw(st.text(max_size=6))] = deepcopy(draw(VALUES))
            case _:
                holder[key] = deepcopy(draw(VALUES))
        if not document:
            return document
    return document


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes with a few changed, cut out, doubled or put in."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(("change", "cut", "double", "insert"))):
            case "change" if at < len(data):
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at : at + draw(st.integers(1, 20))]
            case "double":
                data[at:at] = data[at : at + draw(st.integers(1, 40))]
            case _:
                data[at:at] = draw(st.binary(max_size=12))
    return bytes(data)


def encoded(document: Any) -> bytes:
    """The document as bytes, lone surrogates and NaN included."""
    return json.dumps(document, ensure_ascii=False).encode(errors="surrogatepass")


def messages() -> list[
    pb.GenerateRequest | pb.EmbedRequest | pb.RerankRequest | pb.CountTokensRequest | tensor_pb.ModelInferRequest
]:
    """Whole messages of every kind of request."""
    user = chat_pb2.Message(
        role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(text="hi"), chat_pb2.ContentPart(image=chat_pb2.Image(url=PNG))]
    )
    called = chat_pb2.Message(
        role=chat_pb2.ROLE_ASSISTANT, tool_calls=[chat_pb2.ToolCall(id="c", name="f", arguments_json='{"a": 1}')]
    )
    tool = chat_pb2.Tool(name="f", parameters_json=json.dumps(SCHEMA))
    chat = chat_pb2.ChatInput(messages=[user, called], tools=[tool], tool_choice=chat_pb2.ToolChoice(function="f"))
    sampling = sampling_pb2.Sampling(temperature=1, n=2, logit_bias={1: 2})
    form = sampling_pb2.ResponseFormat(json_schema=sampling_pb2.JsonSchema(name="s", schema_json=json.dumps(SCHEMA)))
    stopping = sampling_pb2.Stopping(max_tokens=5, stop=["a"])
    tensor = tensor_pb.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=[2])
    return [
        pb.GenerateRequest(model="m", chat=chat, sampling=sampling, stopping=stopping, response_format=form, engine_options_json="{}"),
        pb.GenerateRequest(model="m", text="x", response_format=sampling_pb2.ResponseFormat(regex="a+")),
        pb.GenerateRequest(model="m", token_ids=pb.TokenIds(ids=[1, 2]), logprobs=sampling_pb2.LogprobOptions(top=2)),
        pb.EmbedRequest(model="m", inputs=[pb.EmbedInput(text="x"), pb.EmbedInput(token_ids=pb.TokenIds(ids=[1]))], dimensions=4),
        pb.RerankRequest(model="m", query="q", documents=["a", "b"], top_n=1),
        pb.CountTokensRequest(model="m", chat=chat),
        tensor_pb.ModelInferRequest(model_name="m", inputs=[tensor], raw_input_contents=[b"\0" * 8]),
    ]  # fmt: skip


def _places(value: Any) -> Any:
    for key in _keys(value):
        yield value, key
        yield from _places(value[key])


def _keys(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value)
    return list(range(len(value))) if isinstance(value, list) else []


def _within(value: Any, sought: Any) -> bool:
    return value is sought or any(_within(value[key], sought) for key in _keys(value))
