"""What callers wish is heeded, lowered or refused by name, and the answer tells what they got."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from canaries import PROMPT
from gateway.conftest import Gateway, ScriptedRouter
from hypothesis import given
from hypothesis import strategies as st
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.call import Call, session
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.priority import Priority
from thinmesh_core.status import from_rpc_error
from thinmesh_gateway.wishes import GIVEN, REST, TIERS, heeded, lowered, tiered

CHAT = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
REQUEST = pb.GenerateRequest(model="m", text=PROMPT)


@given(st.sampled_from(Priority), st.sampled_from(Priority))
def test_nobody_is_raised(best: Priority, wished: Priority) -> None:
    assert lowered(best, wished) == (max(best, wished))


@given(st.sampled_from(Priority), st.none() | st.sampled_from(sorted(TIERS)), st.none() | st.text())
def test_a_tier_and_a_cache_key_make_a_call_that_can_travel(best: Priority, tier: str | None, key: str | None) -> None:
    call = tiered(Call("r", "t", "p", priority=best), tier, key)
    assert call.priority >= best
    assert (call.session is None) == (not key)
    assert call.session is None or session(call.session) == call.session


@pytest.mark.parametrize("name", REST[1:])
@pytest.mark.parametrize("word", ["", "urgent", "CRITICAL", "a b", "é"])
def test_a_malformed_wish_is_refused_by_its_name(name: str, word: str) -> None:
    if name == REST.session and word in {"urgent", "CRITICAL"}:
        return
    with pytest.raises(MeshError) as raised:
        heeded(Call("r", "t", "p"), {name: word}.get, REST)
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, name)


@pytest.mark.parametrize(
    ("tenant", "tier", "given"),
    [
        ("first", None, "priority"),
        ("first", "auto", "priority"),
        ("first", "default", "default"),
        ("first", "flex", "flex"),
        ("usual", None, "default"),
        ("usual", "priority", "default"),
        ("usual", "scale", "default"),
        ("usual", "flex", "flex"),
        ("last", "fast", "flex"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_service_tier_is_lowered_and_told(
    gateway: Gateway, router: ScriptedRouter, tenant: str, tier: str | None, given: str, stream: bool
) -> None:
    async with gateway.session(tenant) as session:
        body = CHAT | {"stream": stream} | ({} if tier is None else {"service_tier": tier})
        async with session.post("/v1/chat/completions", json=body) as response:
            text = await response.text()
    assert f'"service_tier":"{given}"' in text
    word = next(priority.word for priority, told in GIVEN.items() if told == given)
    assert router.metadata[0].get("thinmesh-priority", "standard") == word


async def test_a_wrong_tier_is_refused_with_the_words(gateway: Gateway) -> None:
    async with (
        gateway.session() as session,
        session.post("/v1/chat/completions", json=CHAT | {"service_tier": "gold"}) as response,
    ):
        error = (await response.json())["error"]
    assert (response.status, error["param"]) == (400, "service_tier")
    assert all(word in error["message"] for word in TIERS)


async def test_headers_wish_on_rest_and_metadata_on_grpc(gateway: Gateway, router: ScriptedRouter, stub: Any) -> None:
    headers = {"x-thinmesh-priority": "batch", "x-thinmesh-session": "s-1", "x-thinmesh-queue": "true"}
    async with gateway.session() as session:
        await session.post("/v1/embeddings", json={"model": "m", "input": PROMPT}, headers=headers)
    pairs = (("thinmesh-priority", "batch"), ("thinmesh-session", "s-1"), ("x-thinmesh-queue", "true"))
    await stub.Generate(REQUEST, metadata=gateway.metadata(*pairs), timeout=9)
    for sent in router.metadata:
        assert {name: sent[name] for name, _ in pairs} == dict(pairs)


async def test_a_stranger_by_grpc_is_not_raised_either(gateway: Gateway, router: ScriptedRouter, stub: Any) -> None:
    metadata = gateway.metadata(("thinmesh-priority", "critical"), ("thinmesh-tenant", "first"), ("thinmesh-hops", "3"))
    await stub.Generate(REQUEST, metadata=metadata, timeout=9)
    assert "thinmesh-priority" not in router.metadata[0]
    assert (router.metadata[0]["thinmesh-tenant"], router.metadata[0]["thinmesh-hops"]) == ("usual", "0")


async def test_a_wrong_word_by_grpc_is_refused(gateway: Gateway, stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.Generate(REQUEST, metadata=gateway.metadata(("thinmesh-priority", "urgent")), timeout=9)
    error = from_rpc_error(raised.value)
    assert (error.reason, error.param) == (Reason.INVALID_REQUEST, "thinmesh-priority")
    assert "critical, standard, batch" in error.message


async def test_a_cache_key_is_the_session_unless_a_header_is(gateway: Gateway, router: ScriptedRouter) -> None:
    async with gateway.session() as session:
        for headers in ({}, {"x-thinmesh-session": "header"}):
            await session.post("/v1/chat/completions", json=CHAT | {"prompt_cache_key": "field"}, headers=headers)
    assert [sent["thinmesh-session"] for sent in router.metadata] == ["field", "header"]
