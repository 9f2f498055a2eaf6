"""Hostile bodies end at the gateway as 400 with the field's name, whichever route they come by: never as 500, never at the router."""

from __future__ import annotations

import io
import json
from typing import Any

import grpc
import pytest
from canaries import PROMPT
from gateway.conftest import Gateway, ScriptedRouter
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.status import from_rpc_error

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"
INFER = "/v2/models/m/infer"
MESSAGES = f'"messages": [{{"role": "user", "content": "{PROMPT}"}}]'


def chat(fields: str) -> bytes:
    return f'{{"model": "m", {MESSAGES}, {fields}}}'.encode()


def text(fields: str) -> bytes:
    return f'{{"model": "m", "prompt": "{PROMPT}", {fields}}}'.encode()


def schema(value: str) -> bytes:
    return chat(f'"response_format": {{"type": "json_schema", "json_schema": {{"name": "s", "schema": {value}}}}}')


DEEP = "[" * 100_000 + "]" * 100_000
KEYS = json.dumps(dict.fromkeys(map(str, range(100_000)), "x"))
SPACED = KEYS.replace('":', '" :')
ESCAPED = KEYS.replace('":', '\\\\":')
HUGE = "9" * 400
BODIES: list[tuple[str, str, bytes]] = [
    ("body", CHAT, b""),
    ("body", CHAT, b"\xff\xfe"),
    ("body", CHAT, chat('"seed": NaN')),
    ("body", CHAT, chat('"temperature": Infinity')),
    ("body", CHAT, chat('"user": "\\ud800"')),
    ("body", CHAT, chat('"model": "n"')),
    ("body", CHAT, chat('"metadata": {"a": "1", "a": "2"}')),
    ("body", CHAT, schema('{"pattern": "(a+)+$", "pattern": "a"}')),
    ("body", CHAT, schema('{"const": "').replace(b'"const": "', b'"const": "\xff')),
    ("body", CHAT, schema('{"const": "\xff"}').replace(b"\xc3\xbf", b"\xff")),
    ("body", CHAT, b"[" * 100_000),
    ("body", CHAT, chat(f'"prompt_cache_options": {{"a": {DEEP}}}')),
    ("body", CHAT, chat(f'"engine_options": {{"a": {DEEP}}}')),
    ("body", CHAT, schema(DEEP)),
    ("seed", CHAT, chat('"seed": ' + "9" * 1_000_000)),
    ("body", CHAT, chat(f'"metadata": {KEYS}')),
    ("body", CHAT, KEYS.encode()),
    ("metadata", CHAT, chat('"metadata": ' + json.dumps(dict.fromkeys(map(str, range(17)), "1")))),
    ("logit_bias", CHAT, chat('"logit_bias": ' + json.dumps(dict.fromkeys(map(str, range(40_000)), 1)))),
    ("messages", CHAT, b'{"model": "m", "messages": [' + b'{"role": "user", "content": ""},' * 20_000 + b'{"role": "user"}]}'),
    ("messages[0].content", CHAT, b'{"model": "m", "messages": [{"role": "user", "content": [' + b",".join([b'{"type": "text", "text": ""}'] * 2000) + b"]}]}"),
    ("x" * 253 + "...", CHAT, b'{"' + b"x" * 1_000_000 + b'": 1}'),
    ("body", CHAT, chat(f'"metadata": {SPACED}')),
    ("body", CHAT, chat(f'"metadata": {ESCAPED}')),
    ("n", CHAT, chat('"n": 1000000')),
    ("n", CHAT, chat('"n": 4294967295, "stream": true')),
    ("n", CHAT, chat('"n": -1')),
    ("n", CHAT, chat('"n": 128, "max_tokens": 1000000')),
    ("max_tokens", CHAT, chat('"max_tokens": 1000000000')),
    ("max_tokens", CHAT, chat('"max_tokens": "5"')),
    ("messages[0].role", CHAT, chat('"messages": [{"role": "unknown field"}]').replace(MESSAGES.encode() + b", ", b"")),
    ("encoding_format", "/v1/embeddings", b'{"model": "m", "input": "x", "encoding_format": "missing required field"}'),
    ("completion_window", "/v1/batches", b'{"input_file_id": "f", "endpoint": "/v1/embeddings", "completion_window": "24h\\n"}'),
    ("max_tokens", CHAT, chat('"max_completion_tokens": 0')),
    ("top_logprobs", CHAT, chat('"logprobs": true, "top_logprobs": 1000000')),
    ("logprobs", TEXT, text('"logprobs": 1000000')),
    ("stop", CHAT, chat('"stop": ' + json.dumps(["x"] * 10_000))),
    ("best_of", TEXT, text('"best_of": 2')),
    ("prompt", TEXT, json.dumps({"model": "m", "prompt": ["x"] * 100_000}).encode()),
    ("prompt_embeds", TEXT, text('"prompt_embeds": "AAAA"')),
    ("chat_template", CHAT, chat('"chat_template": "{{ 1 }}"')),
    ("chat_template_kwargs", CHAT, chat('"chat_template_kwargs": {"a": 1}')),
    ("engine_options", CHAT, chat('"engine_options": {"a": 1e400}')),
    ("engine_options", TEXT, text('"engine_options": {"a": [-1e999]}')),
    ("engine_options", TEXT, text(f'"engine_options": {{"a": {HUGE}}}')),
    ("response_format", CHAT, schema('{"maximum": 1e400}')),
    ("tools", CHAT, chat('"tools": [{"type": "function", "function": {"name": "f", "parameters": {"minimum": -1e400}}}]')),
    ("response_format", CHAT, schema('{"$ref": "#"}')),
    ("response_format", CHAT, schema('{"a": "' + "x" * 1_000_000 + '"}')),
    ("response_format", CHAT, schema('{"not": ' * 100 + "{}" + "}" * 100)),
    ("response_format", CHAT, chat('"structured_outputs": {"regex": "(a+)+$"}')),
    ("response_format", CHAT, chat('"structured_outputs": {"regex": "foo**"}')),
    ("messages[0].content", CHAT, b'{"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://169.254.169.254/"}}]}]}'),
    ("model", TEXT, b'{"model": "m\\nINFO all is well", "prompt": "x"}'),
    ("input", "/v1/embeddings", json.dumps({"model": "m", "input": ["x"] * 10_000}).encode()),
    ("documents", "/v1/rerank", json.dumps({"model": "m", "query": "q", "documents": ["x"] * 10_000}).encode()),
    ("top_n", "/v1/rerank", b'{"model": "m", "query": "q", "documents": ["d"], "top_n": -1}'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("param", "path", "body"), BODIES, ids=[f"{param[:20]}-{number}" for number, (param, _, _) in enumerate(BODIES)]
)
async def test_a_hostile_body_is_refused_by_name(
    gateway: Gateway, router: ScriptedRouter, param: str, path: str, body: bytes
) -> None:
    async with gateway.session() as client, client.post(path, data=io.BytesIO(body)) as response:
        told = await response.json()
        assert (response.status, told["error"]["param"]) == (400, param), told
        assert len(told["error"]["message"].encode()) <= 512
    assert not router.calls


@pytest.mark.parametrize(
    "body", [b"", b'{"model": "\xff"}', chat(f'"prompt_cache_options": {{"a": {DEEP}}}'), chat(f'"metadata": {KEYS}')], ids=range(4)
)  # fmt: skip
async def test_it_is_under_an_idempotency_key_too(gateway: Gateway, router: ScriptedRouter, body: bytes) -> None:
    headers = {"idempotency-key": "k"}
    async with gateway.session() as client, client.post(CHAT, data=io.BytesIO(body), headers=headers) as response:
        assert (response.status, (await response.json())["error"]["param"]) == (400, "body")
    assert not router.calls


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"[" * 100_000, b'{"inputs": []}', b'{"inputs": [], "inputs": []}', b'{"inputs": [{"name": "x", "shape": [-1], "datatype": "FP32", "data": []}]}',
     b'{"inputs": [{"name": "x", "shape": [99999999999999999999], "datatype": "FP32", "data": []}]}', b'{"inputs": [{"name": "' + b"x" * 1_000_000 + b'", "shape": [1], "datatype": "FP32", "data": [NaN]}]}'],
    ids=lambda body: str(body[:16]),
)  # fmt: skip
async def test_hostile_tensors_are_refused(gateway: Gateway, router: ScriptedRouter, body: bytes) -> None:
    async with gateway.session() as client, client.post(INFER, data=io.BytesIO(body)) as response:
        assert response.status == 400
        assert len(await response.read()) < 700
    assert not router.calls


ODD: Any = 99
USER = chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(text=PROMPT)])


@pytest.mark.parametrize(
    ("param", "request_"),
    [
        ("n", pb.GenerateRequest(model="m", text=PROMPT, sampling=sampling_pb2.Sampling(n=10**6))),
        ("messages[0].role", pb.GenerateRequest(model="m", chat=chat_pb2.ChatInput(messages=[chat_pb2.Message(role=ODD)]))),
        ("tools", pb.GenerateRequest(model="m", chat=chat_pb2.ChatInput(messages=[USER], tools=[chat_pb2.Tool(name="t", parameters_json="[" * 10**6)]))),
        ("response_format", pb.GenerateRequest(model="m", text=PROMPT, response_format=sampling_pb2.ResponseFormat(regex="(a+)+$"))),
        ("engine_options", pb.GenerateRequest(model="m", text=PROMPT, engine_options_json='{"a": ' + DEEP + "}")),
        ("model", pb.GenerateRequest(model="\N{GRINNING FACE}" * 100_000, text=PROMPT)),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)  # fmt: skip
@pytest.mark.parametrize("method", ["Generate", "StreamGenerate"])
async def test_by_grpc_they_are_refused_alike(
    gateway: Gateway, router: ScriptedRouter, stub: Any, method: str, param: str, request_: pb.GenerateRequest
) -> None:
    calling = getattr(stub, method)(request_, metadata=gateway.metadata())
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        assert [event async for event in calling] if method == "StreamGenerate" else await calling
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert from_rpc_error(raised.value).param == param
    assert not router.calls
