"""The /v2 routes in front of one tensor service, over a real socket: keys, errors, headers, and what only an engine knows."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from gateway.conftest import unread
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_core.address import parse
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.http import serve_http
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_core.tenants import TenantConfig
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.idempotency.answers import Answers
from thinmesh_gateway.idempotency.memory import MemoryStore
from thinmesh_gateway.idempotency.once import Once
from thinmesh_gateway.identity.keyring import Keyring
from thinmesh_gateway.inference import Inference
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.oip.operations import SURFACE
from thinmesh_gateway.rest import rest, routes
from thinmesh_gateway.tensors import Tensors

ROUTES = [(one.method, one.path.format(model="org/m", version="1")) for one in SURFACE.operations]
INPUT = {"name": "x", "shape": [2], "datatype": "INT16", "data": [1, 2]}


class Service(tensor_grpc.GRPCInferenceServiceServicer):
    """Gives tensors back, is never ready, and has no model but one, whose name has a slash."""

    async def ServerReady(self, request: Any, context: Any) -> pb.ServerReadyResponse:
        return pb.ServerReadyResponse(ready=False)

    async def ModelReady(self, request: Any, context: Any) -> pb.ModelReadyResponse:
        return pb.ModelReadyResponse(ready=False)

    async def ModelConfig(self, request: Any, context: Any) -> pb.ModelConfigResponse:
        response: Any = pb.ModelConfigResponse()
        response.config.name = f"{request.name} {request.version}"
        response.config.input.add(name="x", data_type="TYPE_INT16", dims=[-1])
        response.config.parameters["k"].string_value = "v"
        return response  # type: ignore[no-any-return]  # its stub knows what the mesh touches

    async def ModelStatistics(self, request: Any, context: Any) -> pb.ModelStatisticsResponse:
        response: Any = pb.ModelStatisticsResponse()
        response.model_stats.add(name=request.name, inference_count=1 << 60)
        return response  # type: ignore[no-any-return]

    async def ModelInfer(self, request: Any, context: Any) -> pb.ModelInferResponse:
        if request.model_name != "org/m":
            raise MeshError(Reason.NO_BACKEND, "none", retry_after=4.2)
        response = pb.ModelInferResponse(model_name=request.model_name, id=request.id)
        for tensor in request.inputs:
            response.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        response.raw_output_contents.extend(request.raw_input_contents)
        return response


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    store = KeyStore(tmp_path)
    keyring = Keyring(store, tmp_path)
    known = Authenticator(keyring, {"t": TenantConfig()})
    headers = {"authorization": f"Bearer {store.create('t', 0)}"}
    keyring.refresh()
    server = InProcessServer("tensors", [ErrorInterceptor()])
    tensor_grpc.add_GRPCInferenceServiceServicer_to_server(Service(), server)
    channel = InProcessChannel(server)
    once = Once(MemoryStore(Answers(60, 1 << 20), time.monotonic), 10)
    application = rest(routes(known, unread, Inference(channel, 10), Tensors(channel, 10), once, bool))
    async with (
        serve_http(application, parse("127.0.0.1:0"), grace=1) as at,
        aiohttp.ClientSession(f"http://{at}", headers=headers) as session,
    ):
        yield session


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_route_answers_without_a_key(session: aiohttp.ClientSession, method: str, path: str) -> None:
    async with session.request(method, path, headers={"authorization": ""}, data=b"{") as response:
        assert response.status == 401
        assert (await response.json()).keys() == {"error"}
        assert response.headers["x-request-id"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v2/nope", 404), ("POST", "/v2/models/m/generate", 405)])
async def test_what_is_no_route_is_told_as_the_protocol_has_it(
    session: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with session.request(method, path) as response:
        assert (response.status, (await response.json()).keys()) == (status, {"error"})


async def test_tensors_come_back_as_json_and_as_bytes_behind_it(session: aiohttp.ClientSession) -> None:
    async with session.post("/v2/models/org/m/versions/1/infer", json={"id": "7", "inputs": [INPUT]}) as response:
        assert await response.json() == {"model_name": "org/m", "id": "7", "outputs": [INPUT]}
    body = {"inputs": [INPUT], "parameters": {"binary_data_output": True}}
    async with session.post("/v2/models/org/m/infer", json=body) as response:
        assert response.content_type == "application/octet-stream"
        told, size = await response.read(), int(response.headers["inference-header-content-length"])
        assert told[size:] == b"\1\0\2\0"
        assert json.loads(told[:size])["outputs"][0]["parameters"] == {"binary_data_size": 4}


async def test_bytes_come_back_alike_under_one_idempotency_key(session: aiohttp.ClientSession) -> None:
    body = {"inputs": [INPUT], "parameters": {"binary_data_output": True}}
    answers, replayed = [], []
    for _ in range(2):
        async with session.post("/v2/models/org/m/infer", json=body, headers={"idempotency-key": "k"}) as response:
            names = ("content-type", "content-length", "inference-header-content-length")
            answers.append((response.status, await response.read(), [response.headers[name] for name in names]))
            replayed.append("idempotent-replayed" in response.headers)
    assert (answers[0], replayed) == (answers[1], [False, True])
    async with session.post("/v2/models/org/m/infer", json={"inputs": []}, headers={"idempotency-key": "k"}) as response:
        assert (response.status, (await response.json()).keys()) == (409, {"error"})


@pytest.mark.parametrize(
    ("headers", "param"),
    [
        ({"inference-header-content-length": "9" * 5000}, "inference-header-content-length"),
        ({"inference-header-content-length": "-1"}, "inference-header-content-length"),
        ({"content-encoding": "gzip"}, "content-encoding"),
    ],
)
async def test_a_header_that_is_wrong_is_named(session: aiohttp.ClientSession, headers: dict[str, str], param: str) -> None:
    async with session.post("/v2/models/org/m/infer", data=json.dumps({"inputs": [INPUT]}), headers=headers) as response:
        assert response.status == 400
        assert param in (await response.json())["error"]


async def test_what_is_worth_a_retry_says_when(session: aiohttp.ClientSession) -> None:
    async with session.post("/v2/models/gone/infer", json={"inputs": [INPUT]}) as response:
        assert (response.status, response.headers["retry-after"]) == (503, "5")
        assert await response.json() == {"error": "none"}


@pytest.mark.parametrize("path", ["/v2/health/ready", "/v2/models/org/m/ready", "/v2/models/org/m/versions/1/ready"])
async def test_not_ready_is_a_status(session: aiohttp.ClientSession, path: str) -> None:
    async with session.get(path) as response:
        assert (response.status, (await response.json())["ready"]) == (503, False)


async def test_configuration_and_statistics_have_names_for_enums_and_numbers_for_numbers(
    session: aiohttp.ClientSession,
) -> None:
    async with session.get("/v2/models/org/m/versions/2/config") as response:
        config = await response.json()
    assert (config["name"], config["parameters"]) == ("org/m 2", {"k": {"string_value": "v"}})
    assert (config["input"][0]["data_type"], config["input"][0]["dims"]) == ("TYPE_INT16", [-1])
    assert "optimization" not in config
    async with session.get("/v2/models/org/m/stats") as response:
        assert (await response.json())["model_stats"][0]["inference_count"] == 1 << 60
