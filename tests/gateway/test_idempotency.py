"""An idempotency key on both surfaces: one call, one answer, byte for byte."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from canaries import PROMPT
from gateway.conftest import Gateway, ScriptedRouter, Serve
from shared_store import shared_store
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.status import from_rpc_error
from thinmesh_gateway.idempotency import redis
from thinmesh_gateway.idempotency.config import IdempotencyConfig

BODIES: dict[str, Any] = {
    "/v1/chat/completions": {"model": "m", "messages": [{"role": "user", "content": PROMPT}]},
    "/v1/completions": {"model": "m", "prompt": PROMPT},
    "/v1/embeddings": {"model": "m", "input": PROMPT},
}
CHAT = "/v1/chat/completions"
KEY = {"idempotency-key": "k"}
REQUEST = pb.GenerateRequest(model="m", text=PROMPT)


async def post(
    session: aiohttp.ClientSession, path: str = CHAT, headers: Any = KEY, **fields: Any
) -> tuple[int, bytes, str | None]:
    """Status, body, and whether it was replayed."""
    async with session.post(path, json=BODIES[path] | fields, headers=headers) as response:
        return response.status, await response.read(), response.headers.get("idempotent-replayed")


@pytest.mark.parametrize("path", BODIES)
async def test_the_same_key_and_body_give_the_same_bytes(gateway: Gateway, router: ScriptedRouter, path: str) -> None:
    router.told = (("x-ratelimit-remaining-requests", "9"),)
    async with gateway.session() as session:
        first, second = await post(session, path), await post(session, path)
        assert first == (200, second[1], None)
        assert second[2] == "true"
        assert router.calls == 1
        assert (await post(session, path, {}))[1] != first[1]


async def test_another_body_or_path_is_a_conflict_and_another_tenant_is_not(gateway: Gateway, router: ScriptedRouter) -> None:
    async with gateway.session() as session, gateway.session("first") as other:
        await post(session)
        for status in (await post(session, temperature=0), await post(session, "/v1/completions")):
            assert status[0] == 409
        assert router.calls == 1
        assert (await post(other, temperature=0))[::2] == (200, None)


async def test_calls_that_come_together_are_one(gateway: Gateway, router: ScriptedRouter) -> None:
    router.hold = asyncio.Event()
    async with gateway.session() as session:
        tasks = [asyncio.create_task(post(session)) for _ in range(8)]
        await router.began.wait()
        router.hold.set()
        answers = await asyncio.gather(*tasks)
    assert len({body for _, body, _ in answers}) == router.calls == 1
    assert sum(replayed == "true" for _, _, replayed in answers) == 7


async def test_a_client_that_leaves_does_not_take_the_answer_with_it(gateway: Gateway, router: ScriptedRouter) -> None:
    router.hold = asyncio.Event()
    async with gateway.session() as session, gateway.session() as other:
        leaving = asyncio.create_task(post(session))
        await router.began.wait()
        router.began.clear()
        waiting = asyncio.create_task(post(other))
        await asyncio.sleep(0.1)
        leaving.cancel()
        await router.began.wait()  # the one who waited has become the first
        router.hold.set()
        assert (await waiting)[::2] == (200, None)
    assert router.calls == 2


async def test_a_failure_is_tried_again(gateway: Gateway, router: ScriptedRouter) -> None:
    router.errors = [MeshError(Reason.OVERLOADED, "full")]
    async with gateway.session() as session:
        assert [(await post(session))[0] for _ in range(3)] == [503, 200, 200]
    assert router.calls == 2


async def test_a_stream_under_a_key_is_refused_on_both_surfaces(gateway: Gateway, router: ScriptedRouter, stub: Any) -> None:
    async with gateway.session() as session:
        for path in (CHAT, "/v1/completions"):
            status, body, _ = await post(session, path, stream=True)
            assert (status, b'"param":"idempotency-key"' in body) == (400, True)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.StreamGenerate(REQUEST, metadata=gateway.metadata(*KEY.items()), timeout=9).read()
    assert from_rpc_error(raised.value).param == "idempotency-key"
    assert router.calls == 0


async def test_grpc_replays_too(gateway: Gateway, router: ScriptedRouter, stub: Any) -> None:
    metadata = gateway.metadata(*KEY.items())
    first = stub.Generate(REQUEST, metadata=metadata, timeout=9)
    second = stub.Generate(REQUEST, metadata=metadata, timeout=9)
    assert await first == await second
    replayed = [dict(await call.initial_metadata()).get("idempotent-replayed") for call in (first, second)]
    assert sorted(map(str, replayed)) == ["None", "true"]
    for request, method in ((pb.GenerateRequest(model="m", text="b"), stub.Generate), (pb.EmbedRequest(model="m"), stub.Embed)):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await method(request, metadata=metadata, timeout=9)
        assert raised.value.code() is grpc.StatusCode.ALREADY_EXISTS
    assert router.calls == 1


async def test_gateways_that_share_a_store_share_answers_and_refuse_without_it(
    serve: Serve, router: ScriptedRouter, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "DECIDE_SECONDS", 5.0)  # a busy machine is no store that is gone
    async with shared_store(state) as shared:
        gateways = [await serve(idempotency=IdempotencyConfig(store=shared.url)) for _ in range(2)]
        async with gateways[0].session() as one, gateways[1].session() as other:
            first, second = await post(one), await post(other)
            assert first[1] == second[1]
            assert router.calls == 1
            shared.process.send_signal(signal.SIGSTOP)
            monkeypatch.undo()
            status, body, _ = await post(one)
            assert (status, b"idempotency_unavailable" in body) == (503, True)
            assert (await post(one, CHAT, {}))[0] == 200
            shared.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("store", ["redis://localhost:port", "redis://localhost/0?nope=1"])
async def test_an_address_that_makes_no_sense_is_told_at_the_start(serve: Serve, store: str) -> None:
    with pytest.raises(ConfigError, match=r"idempotency\.store: write memory, redis://"):
        await serve(idempotency=IdempotencyConfig(store=store))
