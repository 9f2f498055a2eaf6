"""The REST routes in front of an adapter: one contract, so the gateway needs no router to be tried."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from gateway.conftest import unread
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.model.v1 import model_service_pb2 as model_pb
from thinmesh.model.v1 import model_service_pb2_grpc as model_grpc

from thinmesh_adapters.app import AdapterApp
from thinmesh_adapters.contract import Place
from thinmesh_adapters.echo import EchoAdapter, Options
from thinmesh_core.address import parse
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.http import serve_http
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_core.tenants import TenantConfig
from thinmesh_core.wire import MAX_REQUEST_BYTES
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.idempotency.answers import Answers
from thinmesh_gateway.idempotency.memory import MemoryStore
from thinmesh_gateway.idempotency.once import Once
from thinmesh_gateway.identity.keyring import Keyring
from thinmesh_gateway.inference import Inference
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.rest import rest, routes
from thinmesh_gateway.tensors import Tensors

CHAT = {"model": "echo", "messages": [{"role": "user", "content": "a b c"}]}
ROUTES = [
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/rerank"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/echo"),
    ("GET", "/openapi.json"),
]


class Models(model_grpc.ModelServiceServicer):
    """Knows one model, whose name has a slash."""

    async def ListModels(self, request: Any, context: Any) -> model_pb.ListModelsResponse:
        return model_pb.ListModelsResponse(models=[model_pb.Model(id="org/echo")])

    async def GetModel(self, request: Any, context: Any) -> model_pb.GetModelResponse:
        if request.id != "org/echo":
            raise MeshError(Reason.MODEL_NOT_FOUND, "no", param="model")
        return model_pb.GetModelResponse(model=model_pb.Model(id=request.id))


@dataclass(frozen=True)
class Answer:
    """A response, read."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Client:
    """An authenticated client over a real socket, and the adapter's in-process end."""

    session: aiohttp.ClientSession
    server: InProcessServer

    async def request(self, method: str, path: str, **given: Any) -> Answer:
        async with self.session.request(method, path, **given) as response:
            json = response.content_type == "application/json"
            return Answer(response.status, response.headers, await (response.json() if json else response.text()))

    async def post(self, path: str, body: Any, **given: Any) -> Answer:
        return await self.request("POST", path, json=body, **given)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    store = KeyStore(tmp_path)
    keyring = Keyring(store, tmp_path)
    known = Authenticator(keyring, {"t": TenantConfig()})
    headers = {"authorization": f"Bearer {store.create('t', 0)}"}
    keyring.refresh()
    server = InProcessServer("echo", [ErrorInterceptor()])
    model_grpc.add_ModelServiceServicer_to_server(Models(), server)
    app = AdapterApp("echo", EchoAdapter(Options(), Place("echo", tmp_path)), None)
    inference_grpc.add_InferenceServiceServicer_to_server(app, server)
    channel = InProcessChannel(server)
    once = Once(MemoryStore(Answers(60, 1 << 20), time.monotonic), 10)
    application = rest(routes(known, unread, Inference(channel, 10), Tensors(channel, 10), once, bool))
    async with app, serve_http(application, parse("127.0.0.1:0"), grace=1) as at:
        while app.problems():
            await asyncio.sleep(0)
        async with aiohttp.ClientSession(f"http://{at}", headers=headers) as session:
            yield Client(session, server)


def fault(answer: Answer) -> tuple[int, str | None, str | None]:
    """Status, code and param of an error in OpenAI's shape."""
    error = answer.body["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"]
    assert answer.headers["x-should-retry"] in {"true", "false"}
    return answer.status, error["code"], error["param"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer tm_live_x_y", "Basic abc"])
async def test_no_route_answers_without_a_known_key(client: Client, method: str, path: str, authorization: str) -> None:
    response = await client.request(method, path, headers={"authorization": authorization}, data=b"{")
    assert fault(response) == (401, "invalid_api_key", None)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_another_method_is_not_allowed(client: Client, method: str, path: str) -> None:
    response = await client.request("DELETE", path)
    assert fault(response) == (405, "method_not_allowed", None)
    assert method in response.headers["allow"]


async def test_all_methods_of_a_path_are_named(client: Client) -> None:
    response = await client.request("PATCH", "/v1/files")
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


async def test_a_query_of_many_pairs_is_refused(client: Client) -> None:
    response = await client.request("GET", "/v1/files?" + "&".join(f"a{number}=1" for number in range(65)))
    assert fault(response) == (400, None, "query")


@pytest.mark.parametrize("path", ["/", "/v1", "/v3/models", "/v1/chat/completions/", "/v1/../admin"])
async def test_an_unknown_route_is_not_found(client: Client, path: str) -> None:
    assert fault(await client.request("GET", path)) == (404, "not_found", None)


async def test_a_body_that_is_too_large_is_refused_unread_or_in_the_middle(client: Client) -> None:
    response = await client.request("POST", "/v1/chat/completions", data=io.BytesIO(b"x" * (MAX_REQUEST_BYTES + 1)))
    assert fault(response) == (413, "request_too_large", None)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_REQUEST_BYTES // 65536 + 2):
            yield b" " * 65536

    assert fault(await client.request("POST", "/v1/chat/completions", data=chunks())) == (413, "request_too_large", None)


async def test_a_request_id_is_taken_or_made_and_told(client: Client) -> None:
    taken = await client.post("/v1/chat/completions", CHAT, headers={"x-request-id": "mine-1"})
    assert taken.headers["x-request-id"] == "mine-1"
    assert taken.body["id"] == "chatcmpl-mine-1"
    made = await client.post("/v1/chat/completions", CHAT, headers={"x-request-id": "bad id\t"})
    assert made.headers["x-request-id"].startswith("req-")
    wrong = await client.post("/v1/chat/completions", {}, headers={"x-request-id": "mine-2"})
    assert wrong.headers["x-request-id"] == "mine-2"


async def test_a_models_name_may_have_a_slash(client: Client) -> None:
    assert (await client.request("GET", "/v1/models/org/echo")).body["id"] == "org/echo"
    assert fault(await client.request("GET", "/v1/models/nope")) == (404, "model_not_found", "model")


@pytest.mark.parametrize("stream", [True, False])
async def test_what_fails_before_the_first_piece_has_its_own_status(client: Client, stream: bool) -> None:
    wrong = CHAT | {"stream": stream, "temperature": 9}
    assert fault(await client.post("/v1/chat/completions", wrong)) == (400, None, "temperature")
    missing = CHAT | {"stream": stream, "logprobs": True}
    assert fault(await client.post("/v1/chat/completions", missing)) == (400, "capability_missing", None)


async def test_several_prompts_are_answered_together_and_not_streamed(client: Client) -> None:
    body = {"model": "echo", "prompt": ["a", "b c"], "n": 2}
    answer = (await client.post("/v1/completions", body)).body
    assert [(choice["index"], choice["text"]) for choice in answer["choices"]] == [(0, "a"), (1, "a"), (2, "b c"), (3, "b c")]
    assert fault(await client.post("/v1/completions", body | {"stream": True})) == (400, None, "prompt")
    assert fault(await client.post("/v1/completions", body | {"prompt": ["a", ""]})) == (400, None, "prompt")


async def test_nothing_runs_on_after_any_of_it(client: Client) -> None:
    for body in (CHAT, CHAT | {"stream": True}, CHAT | {"temperature": 9}, {"model": "x"}):
        await client.post("/v1/chat/completions", body)
    assert not client.server.running
