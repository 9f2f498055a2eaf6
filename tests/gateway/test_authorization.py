"""Role x model x action x surface, over whatever routes and RPCs are registered: deny by default."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from canaries import PROMPT
from gateway.conftest import Gateway, ScriptedRouter, Serve, unread
from google.protobuf import descriptor_pool, message_factory
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.model.v1 import model_service_pb2 as model_pb
from thinmesh.model.v1 import model_service_pb2_grpc as model_grpc
from tritonclient.grpc import service_pb2 as tensor_pb
from yarl import URL

from thinmesh_core.channel import dial
from thinmesh_core.errors import Reason
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.status import from_rpc_error
from thinmesh_core.tensor_stream import REASON
from thinmesh_gateway.actions import PUBLIC, RPCS
from thinmesh_gateway.app import build
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.config import GatewayConfig
from thinmesh_gateway.guard import Guarded
from thinmesh_gateway.idempotency.answers import Answers
from thinmesh_gateway.idempotency.memory import MemoryStore
from thinmesh_gateway.idempotency.once import Once
from thinmesh_gateway.identity import guesses
from thinmesh_gateway.identity.keyring import Keyring
from thinmesh_gateway.inference import Inference
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.rest import routes
from thinmesh_gateway.roles import Action, RoleConfig
from thinmesh_gateway.tensors import Tensors

ROLES = {f"only-{action}": RoleConfig(actions=(action,)) for action in Action} | {
    "all": RoleConfig(actions=tuple(Action)),
    "mine": RoleConfig(actions=tuple(Action), models=("mine", "org/mine-*")),
}
MINE, OTHERS = ("mine", "org/mine-2"), ("other", "mine2", "org", "mine/", "")
INPUT = {"name": "x", "shape": [2], "datatype": "INT16", "data": [1, 2]}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": PROMPT}]},
    "/v1/completions": {"prompt": PROMPT},
    "/v1/embeddings": {"input": PROMPT},
    "/v1/rerank": {"query": PROMPT, "documents": ["b"]},
    "/v1/responses": {"input": PROMPT},
}


@dataclass(frozen=True)
class Registered:
    """What a gateway registers: routes with their actions, and full methods, those for workers too."""

    routes: list[tuple[str, str, Action | None]]
    methods: list[str]
    inner: list[str]


@pytest.fixture
async def registered(tmp_path: Path) -> Registered:
    server = InProcessServer("none")
    channel = InProcessChannel(server)
    app = build(GatewayConfig(tenants={}, router="none", jobs="none", state=tmp_path), lambda _: channel)
    app.register(server)
    inner = InProcessServer("inner")
    app.inner.register(inner)
    once = Once(MemoryStore(Answers(1, 1), time.monotonic), 1)
    known = Authenticator(Keyring(KeyStore(tmp_path), tmp_path), {})
    found = []
    for route in routes(known, unread, Inference(channel, 1), Tensors(channel, 1), once, bool):
        assert isinstance(route.app, Guarded)
        found += [(method, route.path.replace(":path", ""), route.app.action) for method in (route.methods or set()) - {"HEAD"}]
    return Registered(found, methods_of(server), methods_of(inner))


def methods_of(server: InProcessServer) -> list[str]:
    """The full methods of a server."""
    return [name for handlers in server._generic_handlers for name in vars(handlers)["_method_handlers"]]


class Models(model_grpc.ModelServiceServicer):
    """Has one model that is mine, one with an alias that is, and one that is not."""

    async def ListModels(self, request: Any, context: Any) -> model_pb.ListModelsResponse:
        models = [model_pb.Model(id="mine"), model_pb.Model(id="x", aliases=["org/mine-1"]), model_pb.Model(id="other")]
        return model_pb.ListModelsResponse(models=models)

    async def GetModel(self, request: Any, context: Any) -> model_pb.GetModelResponse:
        return model_pb.GetModelResponse(model=model_pb.Model(id="mine"))


@pytest.fixture
async def gateway(serve: Serve, state: Path, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A gateway that knows a key of each role, and takes as many unknown ones as there are routes and RPCs to try."""
    monkeypatch.setattr(guesses, "MOST", 1_000_000)
    return await serve(roles=ROLES)


@pytest.fixture
def keys(state: Path) -> dict[str, str]:
    """A key of each role."""
    return {role: KeyStore(state).create("usual", 0, roles=(role,)) for role in (*ROLES, "gone")}


@pytest.fixture
async def session(gateway: Gateway) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://{gateway.http}") as session:
        yield session


async def rest(session: aiohttp.ClientSession, key: str, method: str, path: str, model: str) -> int:
    """The status of a call that names the model wherever a call may."""
    body = None
    if method == "POST":
        body = {"inputs": [INPUT]} if path.startswith("/v2") else BODIES.get(path, {}) | {"model": model}
    path = path.format(model=model, version="1", file="f", batch="b", response="r", job="j")
    async with session.request(method, path, json=body, headers={"authorization": f"Bearer {key}"}) as response:
        return response.status


WITH_ANOTHER = {"/thinmesh.job.v1.JobService/CreateJob"}
"""What needs an action beside its own: that of the work."""

DURABLE = ("/v1/files", "/v1/batches", "/v1/jobs", "/v1/pipelines", "/v1/responses/")
"""Routes that name no model: a batch's lines and a job's body do, looked at by themselves, and a kept response, once found."""

FOR_WORKERS = {f"/thinmesh.gateway.v1.OpenAIService/{name}" for name in ("Chat", "Complete", "Embed", "Rerank")}


async def rpc(channel: grpc.aio.Channel, key: str | None, method: str, model: str) -> Reason | None:
    """How a call of the method ends; the model is named wherever the message can name one."""
    service, _, name = method[1:].rpartition("/")
    described = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
    message: Any = message_factory.GetMessageClass(described.input_type)()
    for field in () if service.endswith(("KeyService", "JobService", "FileService")) else ("model", "model_name", "name", "id"):
        if field in described.input_type.fields_by_name:
            setattr(message, field, model)
            break
    if name == "CreateKey":
        message.roles.append("only-self")  # the tenant's default may more than most of these
    if name == "CreateJob":
        message.generate.model = model
    metadata = () if key is None else (("authorization", f"Bearer {key}"),)
    coding: Any = (type(message).SerializeToString, message_factory.GetMessageClass(described.output_type).FromString)
    try:
        if described.client_streaming:
            async for answer in channel.stream_stream(method, *coding)(iter([message]), metadata=metadata, timeout=10):
                parameters = answer.infer_response.parameters
                return Reason[parameters[REASON].string_param] if REASON in parameters else None
        elif described.server_streaming:
            async for _ in channel.unary_stream(method, *coding)(message, metadata=metadata, timeout=10):
                pass
        else:
            await channel.unary_unary(method, *coding)(message, metadata=metadata, timeout=10)
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error).reason
    return None


def test_every_route_and_rpc_that_is_registered_has_an_action(registered: Registered) -> None:
    assert [route for route in registered.routes if route[2] is None] == []
    assert [method for method in registered.inner if method not in RPCS] == []


def test_the_table_has_nothing_that_is_not_registered(registered: Registered) -> None:
    assert set(RPCS) == set(registered.inner)
    assert {method for method in registered.inner if method not in registered.methods} == FOR_WORKERS


async def test_each_route_takes_its_own_action_and_no_other(
    registered: Registered, session: aiohttp.ClientSession, keys: dict[str, str]
) -> None:
    for method, path, needed in registered.routes:
        for action in Action:
            status = await rest(session, keys[f"only-{action}"], method, path, "m")
            assert (status == 403) == (needed not in {action, Action.SELF}), (path, action, status)
            assert status != 401
        assert (await rest(session, keys["gone"], method, path, "m") == 403) == (needed is not Action.SELF)
        assert await rest(session, "tm_live_x", method, path, "m") == 401


async def test_a_path_by_any_other_spelling_opens_nothing(
    registered: Registered, gateway: Gateway, session: aiohttp.ClientSession, keys: dict[str, str]
) -> None:
    """What is authorised is the route that was matched: a spelling that matches none is 404, one that matches asks for a key."""
    bad = {"authorization": f"Bearer {keys['only-self']}"}
    for method, route, needed in registered.routes:
        path = route.format(model="m", version="1", file="f", batch="b", response="r", job="j")
        spellings = (f"{path}/", f"/{path}", path.upper(), path.replace("/", "/./", 1), f"{path};x", f"{path}%00", f"/x/..{path}", path[:3] + "%2F" + path[4:])  # fmt: skip
        for spelling in (*spellings, f"{path}?a=/openapi.json", f"{path}#/openapi.json"):
            for verb in {method, "GET", "POST", "HEAD", "PUT", "OPTIONS"}:
                for headers in ({}, {"x-original-url": "/openapi.json"}, bad if needed is not Action.SELF else {}):
                    url = URL(f"http://{gateway.http}{spelling}", encoded=True)
                    async with session.request(verb, url, headers=headers) as response:
                        assert response.status in {400, 401, 403, 404, 405}, (verb, spelling, response.status)


async def test_each_rpc_takes_its_own_action_and_no_other(
    registered: Registered, gateway: Gateway, keys: dict[str, str]
) -> None:
    async with dial(gateway.grpc) as channel:
        for method in registered.methods:
            for action in Action:
                reason = await rpc(channel, keys[f"only-{action}"], method, "m")
                denied = RPCS[method] not in {action, Action.SELF} or method in WITH_ANOTHER
                assert (reason is Reason.PERMISSION_DENIED) == denied, (method, action, reason)
                assert reason is not Reason.INVALID_KEY
            assert await rpc(channel, "tm_live_x", method, "m") is Reason.INVALID_KEY
            assert await rpc(channel, None, method, "m") is Reason.INVALID_KEY


async def test_each_route_that_names_a_model_takes_those_of_the_role(
    registered: Registered, session: aiohttp.ClientSession, keys: dict[str, str]
) -> None:
    for method, path, _ in registered.routes:
        names = (method == "POST" or "{model}" in path) and not path.startswith(DURABLE)
        for model in MINE:
            assert await rest(session, keys["mine"], method, path, model) not in {401, 403}
        in_the_body = method == "POST" and names and path.startswith("/v1")
        for model in OTHERS if in_the_body else [other for other in OTHERS if other.isalnum()]:
            assert (await rest(session, keys["mine"], method, path, model) == 403) == names, (path, model)


async def test_each_rpc_that_names_a_model_takes_those_of_the_role(
    registered: Registered, gateway: Gateway, keys: dict[str, str]
) -> None:
    without = {"ListModels", "GetJob", "ListJobs", "CancelJob", "WatchJob", "SignalJob", "ListPipelines"}
    without |= {method.rpartition("/")[2] for method in registered.methods if "FileService" in method}
    async with dial(gateway.grpc) as channel:
        for method in registered.methods:
            served = RPCS[method] not in {Action.AUDIT, Action.BACKENDS, Action.KEYS, Action.SELF}
            names = served and method.rpartition("/")[2] not in without
            for model in MINE:
                assert await rpc(channel, keys["mine"], method, model) is not Reason.PERMISSION_DENIED
            for model in OTHERS:
                reason = await rpc(channel, keys["mine"], method, model)
                assert (reason is Reason.PERMISSION_DENIED) == names, (method, model, reason)


async def test_a_method_without_an_action_is_denied_to_everybody(
    registered: Registered, gateway: Gateway, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dial(gateway.grpc) as channel:
        for method in registered.methods:
            with monkeypatch.context() as patch:
                patch.delitem(RPCS, method)
                assert await rpc(channel, keys["all"], method, "m") is Reason.PERMISSION_DENIED


async def test_only_health_and_reflection_are_for_strangers(gateway: Gateway) -> None:
    async with dial(gateway.grpc) as channel:
        for method in ("/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Other", "/thinmesh.Nothing/Known"):
            send: Any = channel.unary_unary(method, lambda _: b"", bytes)
            try:
                await send(None, timeout=10)
                assert method.startswith(PUBLIC)
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.UNIMPLEMENTED  # there is no such method, whoever asks


async def test_a_list_of_models_has_those_that_the_caller_may_use(
    gateway: Gateway, session: aiohttp.ClientSession, keys: dict[str, str], router_server: InProcessServer
) -> None:
    model_grpc.add_ModelServiceServicer_to_server(Models(), router_server)
    seen = {}
    for role in ("mine", "only-models"):
        async with session.get("/v1/models", headers={"authorization": f"Bearer {keys[role]}"}) as response:
            seen[role] = [model["id"] for model in (await response.json())["data"]]
    assert seen == {"mine": ["mine", "x"], "only-models": ["mine", "x", "other"]}


async def test_a_kept_answer_is_not_for_a_key_that_could_not_have_made_it(
    session: aiohttp.ClientSession, gateway: Gateway, keys: dict[str, str], router: ScriptedRouter
) -> None:
    chat = BODIES["/v1/chat/completions"] | {"model": "other"}
    statuses = []
    for role in ("only-infer", "mine"):
        headers = {"authorization": f"Bearer {keys[role]}", "idempotency-key": "k"}
        async with session.post("/v1/chat/completions", json=chat, headers=headers) as response:
            statuses.append(response.status)
    assert statuses == [200, 403]
    async with dial(gateway.grpc) as channel:
        ends = []
        generate = channel.unary_unary(
            "/thinmesh.inference.v1.InferenceService/Generate", pb.GenerateRequest.SerializeToString, bytes
        )
        for role in ("only-infer", "mine"):
            metadata = (("authorization", f"Bearer {keys[role]}"), ("idempotency-key", "g"))
            try:
                await generate(pb.GenerateRequest(model="other", text=PROMPT), metadata=metadata, timeout=10)
                ends.append("ok")
            except grpc.aio.AioRpcError as error:
                ends.append(error.code().name)
    assert ends == ["ok", "PERMISSION_DENIED"]
    assert router.calls == 2


async def test_a_stream_of_tensors_is_authorised_request_by_request(gateway: Gateway, keys: dict[str, str]) -> None:
    async with dial(gateway.grpc) as channel:
        stream = channel.stream_stream(
            "/inference.GRPCInferenceService/ModelStreamInfer",
            tensor_pb.ModelInferRequest.SerializeToString,
            tensor_pb.ModelStreamInferResponse.FromString,
        )
        requests = [tensor_pb.ModelInferRequest(id=name, model_name=name) for name in ("mine", "other")]
        reasons = {}
        async for answer in stream(iter(requests), metadata=(("authorization", f"Bearer {keys['mine']}"),), timeout=10):
            reasons[answer.infer_response.id] = answer.infer_response.parameters[REASON].string_param
    assert reasons["other"] == "PERMISSION_DENIED"
    assert reasons["mine"] != "PERMISSION_DENIED"
