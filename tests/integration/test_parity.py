"""One table of cases, sent by REST and by gRPC, gives the same text, usage and error class."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import grpc
import pytest
from canaries import PHRASE
from launch import Running
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.model.v1 import model_service_pb2 as model_pb
from thinmesh.model.v1 import model_service_pb2_grpc as model_grpc

from thinmesh_core.channel import dial
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.status import from_rpc_error

pytestmark = pytest.mark.asyncio(loop_scope="module")

Body = dict[str, Any]
SECONDS = 20.0


@dataclass(frozen=True)
class Outcome:
    """What a caller learns, whatever the surface."""

    texts: tuple[str, ...] = ()
    finishes: tuple[str, ...] = ()
    usage: tuple[int, int] = (0, 0)
    error: tuple[int, str, str | None] | None = None
    param: str | None = None


@dataclass(frozen=True)
class Case:
    """The same question twice; `reason` is the error that both must give."""

    name: str
    path: str
    body: Body
    request: Any
    reason: Reason | None = None


def _user(text: str) -> Body:
    return {"role": "user", "content": text}


def _chat(body: Body) -> Body:
    return {"model": "echo", "messages": [_user(f"one two {PHRASE}")]} | body


def _generate(**fields: Any) -> pb.GenerateRequest:
    message = chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(text=f"one two {PHRASE}")])
    defaults: Body = {"model": "echo", "chat": chat_pb2.ChatInput(messages=[message])}
    return pb.GenerateRequest(**(defaults | fields))


def _sampled(**fields: Any) -> pb.GenerateRequest:
    return _generate(sampling=sampling_pb2.Sampling(**fields))


def _stopped(**fields: Any) -> pb.GenerateRequest:
    return _generate(stopping=sampling_pb2.Stopping(**fields))


def _parts(*texts: str) -> chat_pb2.ChatInput:
    parts = [chat_pb2.ContentPart(text=text) for text in texts]
    return chat_pb2.ChatInput(messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, content=parts)])


_CHAT, _TEXT, _EMBED, _RERANK = "chat/completions", "completions", "embeddings", "rerank"
_TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
_SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
_INPUTS = [pb.EmbedInput(text="a b"), pb.EmbedInput(text="c")]
_TEXT_16 = sampling_pb2.Stopping(max_tokens=16)
_DOCUMENTS = ["red fish", "blue whale sings"]

INVALID, MISSING, UNKNOWN = Reason.INVALID_REQUEST, Reason.CAPABILITY_MISSING, Reason.MODEL_NOT_FOUND

CASES = [
    Case("chat", _CHAT, _chat({}), _generate()),
    Case("alias", _CHAT, _chat({"model": "parrot"}), _generate(model="parrot")),
    Case("several parts", _CHAT, _chat({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "a b"}, {"type": "text", "text": " c"}]}]}), _generate(chat=_parts("a b", " c"))),
    Case("characters of many bytes", _CHAT, _chat({"messages": [_user("바다는 푸르다 🌊 끝")]}),
         _generate(chat=_parts("바다는 푸르다 🌊 끝"))),
    Case("lines and spaces", _CHAT, _chat({"messages": [_user("a\n\n b\tdata: c ")]}), _generate(chat=_parts("a\n\n b\tdata: c "))),
    Case("max_tokens", _CHAT, _chat({"max_tokens": 2}), _stopped(max_tokens=2)),
    Case("max_completion_tokens", _CHAT, _chat({"max_completion_tokens": 1}), _stopped(max_tokens=1)),
    Case("stop", _CHAT, _chat({"stop": " three"}), _stopped(stop=[" three"])),
    Case("several stops", _CHAT, _chat({"stop": ["zzz", " two"]}), _stopped(stop=["zzz", " two"])),
    Case("n", _CHAT, _chat({"n": 3}), _sampled(n=3)),
    Case("min_tokens", _CHAT, _chat({"min_tokens": 5}), _stopped(min_tokens=5)),
    Case("ignore_eos", _CHAT, _chat({"ignore_eos": True, "max_tokens": 7}), _stopped(ignore_eos=True, max_tokens=7)),
    Case("sampling knobs", _CHAT, _chat({"temperature": 0.5, "top_p": 0.9, "seed": 7}), _sampled(temperature=0.5, top_p=0.9, seed=7)),
    Case("completion", _TEXT, {"model": "echo", "prompt": f"a b {PHRASE}"}, pb.GenerateRequest(model="echo", text=f"a b {PHRASE}", stopping=_TEXT_16)),
    Case("completion of 16 tokens", _TEXT, {"model": "echo", "prompt": "x " * 20},
         pb.GenerateRequest(model="echo", text="x " * 20, stopping=_TEXT_16)),
    Case("embed", _EMBED, {"model": "echo", "input": ["a b", "c"]}, pb.EmbedRequest(model="echo", inputs=_INPUTS)),
    Case("rerank", _RERANK, {"model": "echo", "query": "blue whale", "documents": _DOCUMENTS},
         pb.RerankRequest(model="echo", query="blue whale", documents=_DOCUMENTS)),
    Case("rerank top_n", _RERANK, {"model": "echo", "query": "blue", "documents": _DOCUMENTS, "top_n": 1},
         pb.RerankRequest(model="echo", query="blue", documents=_DOCUMENTS, top_n=1)),
    Case("unknown model", _CHAT, _chat({"model": "nope"}), _generate(model="nope"), UNKNOWN),
    Case("unknown embedding model", _EMBED, {"model": "nope", "input": "a"},
         pb.EmbedRequest(model="nope", inputs=_INPUTS[:1]), UNKNOWN),
    Case("empty model", _CHAT, _chat({"model": ""}), _generate(model=""), INVALID),
    Case("no messages", _CHAT, _chat({"messages": []}), _generate(chat=chat_pb2.ChatInput()), INVALID),
    Case("temperature too high", _CHAT, _chat({"temperature": 2.5}), _sampled(temperature=2.5), INVALID),
    Case("n of zero", _CHAT, _chat({"n": 0}), _sampled(n=0), INVALID),
    Case("n of a million", _CHAT, _chat({"n": 1_000_000}), _sampled(n=1_000_000), INVALID),
    Case("max_tokens of zero", _CHAT, _chat({"max_tokens": 0}), _stopped(max_tokens=0), INVALID),
    Case("too many stops", _CHAT, _chat({"stop": ["x"] * 100}), _stopped(stop=["x"] * 100), INVALID),
    Case("an empty stop", _CHAT, _chat({"stop": [""]}), _stopped(stop=[""]), INVALID),
    Case("too many alternatives", _CHAT, _chat({"logprobs": True, "top_logprobs": 99}),
         _generate(logprobs=sampling_pb2.LogprobOptions(top=99)), INVALID),
    Case("empty embedding input", _EMBED, {"model": "echo", "input": [""]},
         pb.EmbedRequest(model="echo", inputs=[pb.EmbedInput(text="")]), INVALID),
    Case("no documents", _RERANK, {"model": "echo", "query": "q", "documents": []}, pb.RerankRequest(model="echo", query="q"), INVALID),
    Case("a tool message without a call", _CHAT, _chat({"messages": [{"role": "tool", "content": "x"}]}), _generate(
        chat=chat_pb2.ChatInput(messages=[chat_pb2.Message(role=chat_pb2.ROLE_TOOL, content=[chat_pb2.ContentPart(text="x")])])), INVALID),
    Case("tools undeclared", _CHAT, _chat({"tools": [_TOOL]}), _generate(chat=chat_pb2.ChatInput(
        messages=_parts("x").messages, tools=[chat_pb2.Tool(name="look", parameters_json='{"type": "object"}')])), MISSING),
    Case("json_schema undeclared", _CHAT, _chat({"response_format": _SCHEMA}), _generate(response_format=sampling_pb2.ResponseFormat(
        json_schema=sampling_pb2.JsonSchema(name="s", schema_json='{"type": "object"}'))), MISSING),
    Case("logprobs undeclared", _CHAT, _chat({"logprobs": True}), _generate(logprobs=sampling_pb2.LogprobOptions()), MISSING),
    Case("token ids undeclared", _TEXT, {"model": "echo", "prompt": [1, 2, 3]},
         pb.GenerateRequest(model="echo", token_ids=pb.TokenIds(ids=[1, 2, 3]), stopping=_TEXT_16), MISSING),
    Case("engine options not let through", _CHAT, _chat({"engine_options": {"x": 1}}),
         _generate(engine_options_json='{"x": 1}'), INVALID),
]  # fmt: skip

_REST_FINISH = {"stop": "STOP", "length": "LENGTH"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_rest_and_grpc_agree(echo: Running, case: Case) -> None:
    by_rest, by_grpc = await _by_rest(echo, case), await _by_grpc(echo, case)
    assert by_rest == by_grpc
    expected = None if case.reason is None else _class(MeshError(case.reason, ""))
    assert by_rest.error == expected
    if case.reason is None and case.path in (_CHAT, _TEXT):
        assert by_rest.texts
        assert await _by_rest_stream(echo, case) == by_rest
        assert await _by_grpc_stream(echo, case) == by_grpc


async def test_without_a_key_every_call_is_refused_alike(echo: Running) -> None:
    stranger = Running(echo.http, echo.grpc, "tm_live_0_0", echo.state)
    by_rest, by_grpc = await _by_rest(stranger, CASES[0]), await _by_grpc(stranger, CASES[0])
    assert by_rest == by_grpc
    assert by_rest.error == _class(MeshError(Reason.INVALID_KEY, ""))


async def test_models_agree(echo: Running) -> None:
    async with aiohttp.ClientSession(headers=echo.headers) as session, dial(echo.grpc) as channel:
        stub = model_grpc.ModelServiceStub(channel)
        listed = await stub.ListModels(model_pb.ListModelsRequest(), metadata=echo.metadata, timeout=SECONDS)
        async with session.get(f"{echo.http}/v1/models") as response:
            assert [one["id"] for one in (await response.json())["data"]] == [one.id for one in listed.models]
        found = await stub.GetModel(model_pb.GetModelRequest(id="parrot"), metadata=echo.metadata, timeout=SECONDS)
        async with session.get(f"{echo.http}/v1/models/parrot") as response:
            assert (await response.json())["id"] == found.model.id == "echo"


@pytest.mark.parametrize("model", ["echo", "nope"])
async def test_a_request_id_is_told_by_both(echo: Running, model: str) -> None:
    body, headers = _chat({"model": model}), {"x-request-id": "mine"}
    async with (
        aiohttp.ClientSession(headers=echo.headers | headers) as session,
        session.post(f"{echo.http}/v1/chat/completions", json=body) as response,
    ):
        assert response.headers["x-request-id"] == "mine"
    async with dial(echo.grpc) as channel:
        stub = inference_grpc.InferenceServiceStub(channel)
        call = stub.Generate(_generate(model=model), metadata=(*echo.metadata, ("x-request-id", "mine")), timeout=SECONDS)
        with suppress(grpc.aio.AioRpcError):
            await call
        assert dict(await call.trailing_metadata())["x-request-id"] == "mine"


def _class(error: MeshError) -> tuple[int, str, str | None]:
    return error.row.http, error.row.type, error.row.code


async def _by_rest(mesh: Running, case: Case) -> Outcome:
    async with (
        aiohttp.ClientSession(headers=mesh.headers) as session,
        session.post(f"{mesh.http}/v1/{case.path}", json=case.body) as response,
    ):
        body = await response.json()
    if response.status != 200:
        error = body["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        return Outcome(error=(response.status, error["type"], error["code"]), param=_last(error["param"]))
    usage = body["usage"]
    return Outcome(*_rest_texts(body), usage=(usage["prompt_tokens"], usage.get("completion_tokens", 0)))


def _rest_texts(body: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if "results" in body:
        return tuple(f"{one['index']} {one['relevance_score']:.6f}" for one in body["results"]), ()
    if "data" in body:
        return tuple(f"{value:.6f}" for one in body["data"] for value in one["embedding"]), ()
    texts = tuple(one["message"]["content"] if "message" in one else one["text"] for one in body["choices"])
    return texts, tuple(_REST_FINISH[one["finish_reason"]] for one in body["choices"])


async def _by_rest_stream(mesh: Running, case: Case) -> Outcome:
    texts: dict[int, str] = {}
    finishes: dict[int, str] = {}
    usage = (0, 0)
    body = case.body | {"stream": True, "stream_options": {"include_usage": True}}
    async with (
        aiohttp.ClientSession(headers=mesh.headers) as session,
        session.post(f"{mesh.http}/v1/{case.path}", json=body) as response,
    ):
        events = (await response.text()).split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    for event in events[:-2]:
        chunk = json.loads(event.removeprefix("data: "))
        for choice in chunk["choices"]:
            piece = choice["delta"].get("content", "") if "delta" in choice else choice["text"]
            texts[choice["index"]] = texts.get(choice["index"], "") + piece
            if choice["finish_reason"] is not None:
                finishes[choice["index"]] = _REST_FINISH[choice["finish_reason"]]
        if chunk["usage"] is not None:
            usage = (chunk["usage"]["prompt_tokens"], chunk["usage"]["completion_tokens"])
    return Outcome(tuple(texts.values()), tuple(finishes.values()), usage)


async def _by_grpc(mesh: Running, case: Case) -> Outcome:
    async with dial(mesh.grpc) as channel:
        stub = inference_grpc.InferenceServiceStub(channel)
        methods: dict[type[Any], Any] = {
            pb.GenerateRequest: stub.Generate,
            pb.EmbedRequest: stub.Embed,
            pb.RerankRequest: stub.Rerank,
        }
        try:
            answer: Any = await methods[type(case.request)](case.request, metadata=mesh.metadata, timeout=SECONDS)
        except grpc.aio.AioRpcError as rpc_error:
            error = from_rpc_error(rpc_error)
            assert rpc_error.code() is error.row.grpc
            return Outcome(error=_class(error), param=_last(error.param))
    usage = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
    match answer:
        case pb.RerankResponse():
            return Outcome(tuple(f"{one.index} {one.score:.6f}" for one in answer.results), usage=usage)
        case pb.EmbedResponse():
            return Outcome(tuple(f"{value:.6f}" for one in answer.embeddings for value in one.values), usage=usage)
        case _:
            finishes = tuple(_finish(one.finish_reason) for one in answer.choices)
            return Outcome(tuple(one.text for one in answer.choices), finishes, usage)


async def _by_grpc_stream(mesh: Running, case: Case) -> Outcome:
    texts: dict[int, str] = {}
    finishes: dict[int, str] = {}
    usage = (0, 0)
    async with dial(mesh.grpc) as channel:
        stub = inference_grpc.InferenceServiceStub(channel)
        async for event in stub.StreamGenerate(case.request, metadata=mesh.metadata, timeout=SECONDS):
            for delta in event.deltas:
                texts[delta.index] = texts.get(delta.index, "") + delta.text
            for finish in event.finishes:
                finishes[finish.index] = _finish(finish.reason)
            if event.HasField("usage"):
                usage = (event.usage.prompt_tokens, event.usage.completion_tokens)
    return Outcome(tuple(texts.values()), tuple(finishes.values()), usage)


def _finish(reason: pb.FinishReason.ValueType) -> str:
    return pb.FinishReason.Name(reason).removeprefix("FINISH_REASON_")


def _last(param: str | None) -> str | None:
    """Surfaces name the same field, each by its own path."""
    return None if param is None else param.rpartition(".")[2].partition("[")[0]
