"""What the router tells beside its answers reaches the caller, on both surfaces, and the SDKs act on it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import openai
import pytest
from canaries import PROMPT
from gateway.conftest import Gateway, ScriptedRouter
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.status import from_rpc_error

CHAT: Any = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
REQUEST = pb.GenerateRequest(model="m", text=PROMPT)
LEFT = (("x-ratelimit-remaining-tokens", "7"), ("x-thinmesh-queue-position", "0"), ("x-thinmesh-secret", "no"))
TOLD = dict(LEFT[:2])


@pytest.fixture
async def sdk(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"http://{gateway.http}/v1", api_key=gateway.keys["usual"]) as client:
        yield client


def used_up(seconds: float = 0.001) -> MeshError:
    return MeshError(Reason.QUOTA_EXCEEDED, "used up", retry_after=seconds, quota="tokens", headers=LEFT[:2])


@pytest.mark.parametrize("body", [CHAT, CHAT | {"stream": True}])
async def test_rest_has_them_as_headers_of_every_answer(gateway: Gateway, router: ScriptedRouter, body: Any) -> None:
    router.told = LEFT
    router.errors = [used_up()]
    for status in (429, 200):
        async with gateway.session() as session, session.post("/v1/chat/completions", json=body) as response:
            assert response.status == status
            assert {name: value for name, value in response.headers.items() if name in dict(LEFT)} == TOLD


async def test_grpc_has_them_in_front_of_answers_and_behind_errors(router: ScriptedRouter, gateway: Gateway, stub: Any) -> None:
    router.told = LEFT
    whole = stub.Generate(REQUEST, metadata=gateway.metadata(), timeout=9)
    await whole
    stream = stub.StreamGenerate(REQUEST, metadata=gateway.metadata(), timeout=9)
    assert len([event async for event in stream]) == 2
    for call in (whole, stream):
        initial = dict(await call.initial_metadata())
        assert {name: value for name, value in initial.items() if name in dict(LEFT)} == TOLD
    router.errors = [used_up(), used_up()]
    for method in (stub.Generate, stub.StreamGenerate):
        call = method(REQUEST, metadata=gateway.metadata(), timeout=9)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await (call if method is stub.Generate else call.read())
        error = from_rpc_error(raised.value)
        assert (error.reason, error.quota, dict(error.headers)) == (Reason.QUOTA_EXCEEDED, "tokens", TOLD)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
async def test_a_note_stands_beside_the_finish_reason_only_where_it_was_given(
    gateway: Gateway, router: ScriptedRouter, path: str
) -> None:
    body = {"model": "m", "stream": True} | ({"prompt": PROMPT} if path == "/v1/completions" else CHAT)
    for note in (None, "tokens_per_minute of tenant"):
        router.note = note
        async with gateway.session() as session, session.post(path, json=body) as response:
            events = (await response.text()).split("\n\n")
        last = json.loads(events[-3].removeprefix("data: "))["choices"][0]
        assert last["finish_reason"] == "length"
        assert last.get("finish_note") == note
        assert ("finish_note" in last) == (note is not None)


async def test_the_sdk_takes_429_as_its_rate_limit_error_and_tries_again(
    sdk: openai.AsyncOpenAI, router: ScriptedRouter
) -> None:
    router.errors = [used_up(), used_up()]
    assert (await sdk.with_options(max_retries=2).chat.completions.create(**CHAT)).choices
    assert router.calls == 3
    router.errors = [used_up()]
    with pytest.raises(openai.RateLimitError) as raised:
        await sdk.with_options(max_retries=0).chat.completions.create(**CHAT)
    assert (raised.value.code, raised.value.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert raised.value.response.headers["retry-after-ms"] == "1"


async def test_the_sdk_does_not_try_again_what_is_spent_or_in_conflict(sdk: openai.AsyncOpenAI, router: ScriptedRouter) -> None:
    router.errors = [MeshError(Reason.SPEND_EXCEEDED, "spent")]
    with pytest.raises(openai.RateLimitError):
        await sdk.with_options(max_retries=3).chat.completions.create(**CHAT)
    assert router.calls == 1
    patient = sdk.with_options(max_retries=3, default_headers={"idempotency-key": "k"})
    await patient.chat.completions.create(**CHAT)
    with pytest.raises(openai.ConflictError) as raised:
        await patient.chat.completions.create(**CHAT, temperature=0)
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert raised.value.request.headers["x-stainless-retry-count"] == "0"
    assert router.calls == 2
