"""What calls of a whole gateway leave in its audit log, by either surface."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
import raw_grpc
from gateway.conftest import TENANTS, Gateway, ScriptedRouter, Serve
from raw_grpc import DATA, END_STREAM, frame, framed
from thinmesh.gateway.v1 import key_service_pb2 as key_pb
from thinmesh.gateway.v1 import key_service_pb2_grpc as key_grpc
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from tritonclient.grpc import service_pb2 as tensor_pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_core.channel import dial
from thinmesh_core.course import Course
from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.audit.entry import LOG, Entry
from thinmesh_gateway.audit.lines import FILE, Lines
from thinmesh_gateway.config import Tenant
from thinmesh_gateway.identity.key import id_of
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.privacy.config import PrivacyConfig
from thinmesh_gateway.privacy.entities import Entity

CHAT = {"model": "echo", "messages": [{"role": "user", "content": "a"}]}
GENERATE = "/thinmesh.inference.v1.InferenceService/Generate"
STREAMED = "/thinmesh.inference.v1.InferenceService/StreamGenerate"


async def entries(gateway: Gateway, state: Path) -> list[Entry]:
    """What the calls so far have left."""
    await asyncio.to_thread(gateway.app._audit.write_lines)
    found = [one.sealed.opened() for one in Lines(state).read() if one.sealed is not None]
    return [entry for entry in found if entry.surface != LOG]


async def until(gateway: Gateway, state: Path, count: int) -> list[Entry]:
    """What they have left, once there is as much."""
    async with asyncio.timeout(10):
        while len(found := await entries(gateway, state)) < count:
            await asyncio.sleep(0.01)
    return found


def written(state: Path) -> str:
    """The file without what has its digits by chance: ids, hashes and the time."""
    text = (state / FILE).read_text()
    for one in Lines(state).read():
        assert one.sealed is not None
        entry = one.sealed.opened()
        by_chance = (one.sealed.hash, one.sealed.previous, one.sealed.writer, entry.request_id, entry.key, entry.principal)
        for chance in (*by_chance, str(entry.unix_ms)):
            text = text.replace(f'"{chance}"', "").replace(f":{chance},", "")
    return text


async def test_a_rest_call_tells_who_did_what_with_which_model(gateway: Gateway, state: Path) -> None:
    async with gateway.session() as session:
        headers = {"x-request-id": "req-mine"}
        async with session.post("/v1/chat/completions", json=CHAT, headers=headers) as response:
            assert response.status == 200
    (entry,) = await until(gateway, state, 1)
    key = id_of(gateway.keys["usual"])
    assert entry == Entry(
        entry.unix_ms,
        "rest",
        "POST /v1/chat/completions",
        "ALLOWED",
        action="infer",
        tenant="usual",
        principal=key,
        key=key,
        model="echo",
        request_id="req-mine",
        priority="standard",
        total_ms=entry.total_ms,
        gateway_ms=entry.total_ms,
    )
    assert entry.total_ms > 0


async def test_whoever_is_refused_at_the_door_is_told_and_a_strangers_key_never(gateway: Gateway, state: Path) -> None:
    auditor = KeyStore(state).create("usual", 0, principal="alice", roles=("auditor",))
    await asyncio.to_thread(gateway.app._keyring.refresh)
    guess = "tm_live_0123456789ab_guessed_cafe"
    async with aiohttp.ClientSession(f"http://{gateway.http}") as session:
        for key in (guess, auditor):
            async with session.post("/v1/chat/completions", json=CHAT, headers={"authorization": f"Bearer {key}"}):
                pass
    async with dial(gateway.grpc) as channel:
        stub: Any = inference_grpc.InferenceServiceStub(channel)
        for key in (guess, auditor):
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.Generate(pb.GenerateRequest(model="echo"), metadata=(("authorization", f"Bearer {key}"),))
    told = [(one.surface, one.tenant, one.principal, one.decision) for one in await entries(gateway, state)]
    assert told == [
        ("rest", "", "", "INVALID_KEY"),
        ("rest", "usual", "alice", "PERMISSION_DENIED"),
        ("grpc", "", "", "INVALID_KEY"),
        ("grpc", "usual", "alice", "PERMISSION_DENIED"),
    ]
    assert "guessed" not in (state / FILE).read_text()


async def test_how_a_call_ended_is_told(gateway: Gateway, router: ScriptedRouter, state: Path) -> None:
    async with gateway.session() as session:
        router.errors.append(MeshError(Reason.OVERLOADED, "m"))
        async with session.post("/v1/chat/completions", json=CHAT):
            pass
        async with session.post("/v1/chat/completions", data=b"{"):
            pass
        headers = {"idempotency-key": "k"}
        for _ in range(2):
            async with session.post("/v1/chat/completions", json=CHAT, headers=headers):
                pass
    told = [(one.model, one.decision) for one in await until(gateway, state, 4)]
    assert told == [("echo", "OVERLOADED"), ("", "INVALID_REQUEST"), ("echo", "ALLOWED"), ("echo", "ALLOWED")]


async def test_a_stream_is_told_at_its_end_and_once(gateway: Gateway, router: ScriptedRouter, state: Path) -> None:
    async with gateway.session() as session:
        async with session.post("/v1/chat/completions", json=CHAT | {"stream": True}) as response:
            await response.read()
        router.errors.append(MeshError(Reason.ENGINE_ERROR, "m"))
        async with session.post("/v1/chat/completions", json=CHAT | {"stream": True}) as response:
            await response.read()
    async with dial(gateway.grpc) as channel:
        stub: Any = inference_grpc.InferenceServiceStub(channel)
        request = pb.GenerateRequest(model="echo", text="a")
        assert [event async for event in stub.StreamGenerate(request, metadata=gateway.metadata())]
        with pytest.raises(grpc.aio.AioRpcError):
            async for _ in stub.StreamGenerate(request, metadata=gateway.metadata(("idempotency-key", "k"))):
                pass
    told = [(one.surface, one.model, one.decision) for one in await until(gateway, state, 4)]
    assert told == [
        ("rest", "echo", "ALLOWED"),
        ("rest", "echo", "ENGINE_ERROR"),
        ("grpc", "echo", "ALLOWED"),
        ("grpc", "", "INVALID_REQUEST"),
    ]


async def test_a_client_that_leaves_a_stream_is_told(gateway: Gateway, router: ScriptedRouter, state: Path) -> None:
    router.hold = asyncio.Event()
    async with dial(gateway.grpc) as channel:
        stub: Any = inference_grpc.InferenceServiceStub(channel)
        stream = stub.StreamGenerate(pb.GenerateRequest(model="echo", text="a"), metadata=gateway.metadata())
        await router.began.wait()
        stream.cancel()
    router.began.clear()
    async with gateway.session() as session:
        call = asyncio.create_task(session.post("/v1/chat/completions", json=CHAT | {"stream": True}))
        await router.began.wait()
        call.cancel()
        await asyncio.wait((call,))
    told = [(one.surface, one.model, one.decision) for one in await until(gateway, state, 2)]
    assert sorted(told) == [("grpc", "echo", "CANCELLED"), ("rest", "echo", "CANCELLED")]


async def test_a_call_that_never_comes_to_its_handler_is_told(
    gateway: Gateway, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit, admitted = gateway.app._authenticator.call, asyncio.Event()

    async def call(*sent: Any) -> Any:
        admitted.set()
        return await admit(*sent)

    monkeypatch.setattr(gateway.app._authenticator, "call", call)
    host, _, port = gateway.grpc.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    silent = raw_grpc.call(GENERATE, *gateway.metadata(), message=b"")
    writer.write(silent.removesuffix(frame(DATA, END_STREAM, framed(b""))))
    await admitted.wait()
    writer.close()
    assert (await until(gateway, state, 1))[0].decision == "CANCELLED"
    said = await raw_grpc.told(gateway.grpc, raw_grpc.call(GENERATE, *gateway.metadata(), message=b"\xff"))
    assert raw_grpc.status(said) == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    _, entry = await until(gateway, state, 2)
    assert (entry.operation, entry.tenant, entry.action, entry.decision) == (GENERATE, "usual", "infer", "INVALID_REQUEST")


async def test_each_prompt_of_a_text_completion_is_a_call(gateway: Gateway, router: ScriptedRouter, state: Path) -> None:
    router.course = Course("b", 0.0, 0.0, 0.0, input_tokens=7, output_tokens=3)
    body = {"model": "echo", "prompt": ["a", "b", "c"]}
    async with gateway.session() as session, session.post("/v1/completions", json=body) as response:
        assert response.status == 200
    found = await until(gateway, state, 3)
    assert [(one.operation, one.model, one.input_tokens, one.output_tokens) for one in found] == [
        ("POST /v1/completions", "echo", 7, 3)
    ] * 3
    assert len({one.request_id for one in found}) == 1


async def test_each_request_of_a_tensor_stream_is_a_call(gateway: Gateway, state: Path) -> None:
    async with dial(gateway.grpc) as channel:
        stub: Any = tensor_grpc.GRPCInferenceServiceStub(channel)
        requests = [tensor_pb.ModelInferRequest(id=name, model_name=name) for name in ("a", "b")]
        async for _ in stub.ModelStreamInfer(iter(requests), metadata=gateway.metadata()):
            pass
        async for _ in stub.ModelStreamInfer(iter(()), metadata=gateway.metadata()):
            pass
    found = await until(gateway, state, 3)
    assert sorted((one.operation.rpartition("/")[2], one.model) for one in found) == [
        ("ModelStreamInfer", ""),
        ("ModelStreamInfer", "a"),
        ("ModelStreamInfer", "b"),
    ]


async def test_personal_data_is_counted_by_kind_where_it_is_blocked_too(serve: Serve, state: Path) -> None:
    policy = PrivacyConfig(default="detect", entities={Entity.RESIDENT: "block"})
    gateway = await serve(tenants={name: Tenant(privacy=policy) for name in TENANTS})
    texts = ("010-2345-6789, 010-9876-5432, kim@naver.com", "010-2345-6789, 900101-1234568")
    async with gateway.session() as session:
        for text in texts:
            async with session.post("/v1/completions", json={"model": "echo", "prompt": text}):
                pass
    told = [(one.decision, one.personal_data) for one in await until(gateway, state, 2)]
    assert told == [("ALLOWED", {"phone": 2, "email": 1}), ("INVALID_REQUEST", {"phone": 1, "resident": 1})]
    assert not any(word in written(state) for word in ("2345", "9876", "kim", "900101"))


async def test_what_is_done_to_keys_names_them(serve: Serve, state: Path) -> None:
    key = KeyStore(state).create("usual", 0, principal="alice", roles=("admin",))
    gateway = await serve()
    metadata = (("authorization", f"Bearer {key}"),)
    async with dial(gateway.grpc) as channel:
        stub: Any = key_grpc.KeyServiceStub(channel)
        made = (await stub.CreateKey(key_pb.CreateKeyRequest(), metadata=metadata)).key.id
        new = (await stub.RotateKey(key_pb.RotateKeyRequest(id=made), metadata=metadata)).key.id
        await stub.RevokeKey(key_pb.RevokeKeyRequest(id=new), metadata=metadata)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.RevokeKey(key_pb.RevokeKeyRequest(id="anything at all"), metadata=metadata)
    told = [
        (one.operation.rpartition("/")[2], one.principal, one.object, one.decision) for one in await entries(gateway, state)
    ]
    assert told == [
        ("CreateKey", "alice", made, "ALLOWED"),
        ("RotateKey", "alice", f"{made} {new}", "ALLOWED"),
        ("RevokeKey", "alice", new, "ALLOWED"),
        ("RevokeKey", "alice", "", "NOT_FOUND"),
    ]
