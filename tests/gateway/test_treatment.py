"""A tenant's policies together, through a whole gateway: who sees what, in which order, and what a held stream becomes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from gateway.conftest import TENANTS, Gateway, ScriptedRouter, Serve
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.inference.v1 import usage_pb2

from thinmesh_core.channel import dial
from thinmesh_core.config import ConfigError, convert
from thinmesh_core.fold import Folding
from thinmesh_core.status import from_rpc_error
from thinmesh_gateway import treatment
from thinmesh_gateway.audit.entry import LOG
from thinmesh_gateway.audit.lines import Lines
from thinmesh_gateway.config import GatewayConfig, Tenant
from thinmesh_gateway.prompts.file import FILE

PHONE = "010-1234-5678"
USAGE = usage_pb2.Usage(prompt_tokens=1, completion_tokens=9)


def tenant(**entry: Any) -> Tenant:
    return convert(entry, Tenant, source="test")


def words(*when: str, **settings: Any) -> dict[str, Any]:
    return {"name": "denied_words", "when": list(when), "settings": {"patterns": ["zeus"], **settings}}


@pytest.fixture
def router() -> ScriptedRouter:
    """The router behind the gateways: it says what a test puts into `pieces`."""
    return Speaking()


class Speaking(ScriptedRouter):
    """Says `pieces`, each an event; `requests` are what came."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []
        self.events = [event("It is ", "ze", "us", ".")]

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Any) -> AsyncIterator[pb.GenerateEvent]:
        self.requests.append(request)
        for one in self.events:
            yield one

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
        folding = Folding(max(request.sampling.n, 1))
        async for one in self.StreamGenerate(request, context):
            folding.add(one)
        return folding.whole()

    async def Embed(self, request: pb.EmbedRequest, context: Any) -> pb.EmbedResponse:
        self.requests.append(request)
        return pb.EmbedResponse(embeddings=[pb.Embedding(values=[1.0])], usage=USAGE)


def event(*texts: str, choices: int = 1) -> pb.GenerateEvent:
    """A whole answer in pieces."""
    indices = range(choices)
    return pb.GenerateEvent(
        deltas=[pb.Delta(index=index, text=text) for text in texts for index in indices],
        finishes=[pb.Finish(index=index, reason=pb.FINISH_REASON_STOP) for index in indices],
        usage=USAGE,
    )


async def asked(gateway: Gateway, prompt: str, *, stream: bool) -> tuple[int, Any]:
    """The status, and the whole answer: of a stream its text, its finish and its note."""
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}], "stream": stream}
    async with gateway.session() as session, session.post("/v1/chat/completions", json=body) as response:
        if response.status != 200:
            return response.status, (await response.json())["error"]
        if not stream:
            (choice,) = (await response.json())["choices"]
            return 200, (choice["message"]["content"], choice["finish_reason"], choice.get("finish_note"))
        lines = [json.loads(line[6:]) async for line in response.content if line.startswith(b"data: {")]
    choices = [choice for line in lines for choice in line["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    return 200, (text, choices[-1]["finish_reason"], choices[-1].get("finish_note"))


BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@BOTH
async def test_a_request_that_is_denied_reaches_no_engine(serve: Serve, router: Speaking, stream: bool) -> None:
    gateway = await serve(tenants=TENANTS | {"usual": tenant(guardrails=[words("before", reason="secret")])})
    status, told = await asked(gateway, "of Zeus", stream=stream)
    assert (status, told["code"], told["message"]) == (
        400,
        "content_filter",
        "The guardrail 'denied_words' denies the request: secret.",
    )
    assert not router.requests
    assert (await asked(gateway, "of Hera", stream=stream))[0] == 200


@BOTH
async def test_an_answer_that_is_denied_is_empty_and_says_why(
    serve: Serve, router: Speaking, state: Path, stream: bool
) -> None:
    gateway = await serve(tenants=TENANTS | {"usual": tenant(guardrails=[words("after")])})
    note = "The guardrail 'denied_words' denies the answer: denied_words."
    assert await asked(gateway, "of Zeus", stream=stream) == (200, ("", "content_filter", note))
    gateway.app._audit.write_lines()
    (entry,) = (one.sealed.opened() for one in Lines(state).read() if one.sealed and one.sealed.opened().surface != LOG)
    assert entry.decision == "CONTENT_DENIED"


@BOTH
async def test_guardrails_see_placeholders_and_the_caller_its_own_value(serve: Serve, router: Speaking, stream: bool) -> None:
    policy = {"entities": {"phone": "reversible"}}
    marks = {
        "name": "denied_words",
        "when": ["before", "after"],
        "settings": {"patterns": ["<<PHONE_1>>", "010"], "instead": "<<PHONE_1>>!"},
    }
    gateway = await serve(tenants=TENANTS | {"usual": tenant(privacy=policy, guardrails=[marks])})
    router.events = [event("I call <<PHO", "NE_1>>.")]
    assert await asked(gateway, f"Call {PHONE}", stream=stream) == (200, (f"I call {PHONE}!.", "stop", None))
    assert router.requests[0].chat.messages[0].content[0].text == "Call <<PHONE_1>>!"


async def test_nothing_of_a_stream_is_sent_before_it_is_judged(serve: Serve, router: Speaking) -> None:
    gateway = await serve(tenants=TENANTS | {"usual": tenant(guardrails=[words("after", instead="Hera")])})
    router.events = [
        pb.GenerateEvent(deltas=[pb.Delta(index=1, text="ze"), pb.Delta(index=0, reasoning="Hm.")]),
        pb.GenerateEvent(deltas=[pb.Delta(index=1, text="us", tool_calls=[pb.ToolCallDelta(index=0, id="c", name="f")])]),
        pb.GenerateEvent(deltas=[pb.Delta(index=1, tool_calls=[pb.ToolCallDelta(index=0, arguments_json="{}")])]),
        pb.GenerateEvent(
            finishes=[
                pb.Finish(index=0, reason=pb.FINISH_REASON_LENGTH, note="no more"),
                pb.Finish(index=1, reason=pb.FINISH_REASON_STOP),
            ],
            usage=USAGE,
        ),
    ]
    async with dial(gateway.grpc) as channel:
        stub: Any = inference_grpc.InferenceServiceStub(channel)
        request = pb.GenerateRequest(model="m", text="a")
        request.sampling.n = 2
        events = [one async for one in stub.StreamGenerate(request, metadata=gateway.metadata(), timeout=10)]
    (only,) = events
    call = pb.ToolCallDelta(index=0, id="c", name="f", arguments_json="{}")
    assert only == pb.GenerateEvent(
        deltas=[pb.Delta(index=0, reasoning="Hm."), pb.Delta(index=1, text="Hera", tool_calls=[call])],
        finishes=[
            pb.Finish(index=0, reason=pb.FINISH_REASON_LENGTH, note="no more"),
            pb.Finish(index=1, reason=pb.FINISH_REASON_STOP),
        ],
        usage=USAGE,
    )


async def test_streams_of_tenants_without_an_after_guardrail_are_not_held(serve: Serve, router: Speaking) -> None:
    gateway = await serve(tenants=TENANTS | {"usual": tenant(guardrails=[words("before")])})
    router.events = [pb.GenerateEvent(deltas=[pb.Delta(text="a")]), event("b")]
    async with dial(gateway.grpc) as channel:
        stub: Any = inference_grpc.InferenceServiceStub(channel)
        request = pb.GenerateRequest(model="m", text="a")
        assert [one async for one in stub.StreamGenerate(request, metadata=gateway.metadata(), timeout=10)] == router.events


async def test_an_answer_that_is_too_long_to_hold_is_refused(
    serve: Serve, router: Speaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(treatment, "MAX_HELD_BYTES", 20)
    gateway = await serve(tenants=TENANTS | {"usual": tenant(guardrails=[words("after")])})
    router.events = [event("a" * 30)]
    async with dial(gateway.grpc) as channel:
        stub: Any = inference_grpc.InferenceServiceStub(channel)
        with pytest.raises(Exception, match="ask for fewer tokens") as raised:
            _ = [
                one
                async for one in stub.StreamGenerate(
                    pb.GenerateRequest(model="m", text="a"), metadata=gateway.metadata(), timeout=10
                )
            ]
    assert from_rpc_error(raised.value).param == "max_tokens"  # type: ignore[arg-type]


async def test_texts_to_embed_pass_the_same_guardrails(serve: Serve, router: Speaking) -> None:
    gateway = await serve(tenants=TENANTS | {"usual": tenant(guardrails=[words("before")])})
    async with gateway.session() as session:
        async with session.post("/v1/embeddings", json={"model": "m", "input": ["a", "zeus"]}) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (400, "content_filter")
        async with session.post("/v1/embeddings", json={"model": "m", "input": ["a"]}) as response:
            assert response.status == 200


async def test_a_reload_puts_guardrails_in_force_and_a_wrong_one_changes_nothing(
    serve: Serve, router: Speaking, state: Path
) -> None:
    gateway = await serve()

    def reload(*guardrails: dict[str, Any]) -> None:
        tenants = TENANTS | {"usual": tenant(guardrails=guardrails)}
        gateway.app.apply(GatewayConfig(tenants=tenants, router="router", state=state))

    reload(words("before"))
    assert (await asked(gateway, "zeus", stream=False))[0] == 400
    with pytest.raises(ConfigError, match=r"tenants\.usual\.guardrails\[1\]\.name"):
        reload(words("before"), {"name": "missing", "when": ["before"]})
    assert (await asked(gateway, "zeus", stream=False))[0] == 400
    reload()
    assert (await asked(gateway, "zeus", stream=False))[0] == 200


@BOTH
async def test_prompts_are_logged_masked_where_the_tenant_says_so(
    serve: Serve, router: Speaking, state: Path, stream: bool
) -> None:
    """The tenant itself masks nothing."""
    gateway = await serve(tenants=TENANTS | {"usual": tenant(prompts={"log": True})})
    router.events = [event(f"Not {PHONE[:5]}", f"{PHONE[5:]}, but kim@dau", "m.net")]
    assert (await asked(gateway, f"Is it {PHONE}?", stream=stream))[1][0] == f"Not {PHONE}, but kim@daum.net"
    async with gateway.session("first") as session:
        body = {"model": "m", "messages": [{"role": "user", "content": "Nobody logs this."}]}
        async with session.post("/v1/chat/completions", json=body) as response:
            assert response.status == 200
    await gateway.app._prompts.aclose()
    (line,) = map(json.loads, (state / FILE).read_text().splitlines())
    assert line | {"unix_ms": 0, "request_id": ""} == {
        "unix_ms": 0,
        "request_id": "",
        "tenant": "usual",
        "model": "m",
        "outcome": "ok",
        "prompts": [{"kind": "user", "text": "Is it <<PHONE>>?"}],
        "answer": [{"kind": "answer", "text": "Not <<PHONE>>, but <<EMAIL>>"}],
    }
    assert router.requests[0].chat.messages[0].content[0].text == f"Is it {PHONE}?"


@BOTH
async def test_what_guardrails_deny_or_replace_is_not_in_the_log(
    serve: Serve, router: Speaking, state: Path, stream: bool
) -> None:
    rules = [words("before", patterns=["hades"]), words("before", "after", instead="Hera")]
    gateway = await serve(tenants=TENANTS | {"usual": tenant(guardrails=rules, prompts={"log": True})})
    await asked(gateway, "Is it zeus?", stream=stream)
    await asked(gateway, "Is it hades?", stream=stream)
    await gateway.app._prompts.aclose()
    logged = (state / FILE).read_text()
    assert "hades" not in logged
    assert "zeus" not in logged
    (line,) = map(json.loads, logged.splitlines())
    assert line["prompts"] == [{"kind": "user", "text": "Is it Hera?"}]
    assert line["answer"] == [{"kind": "answer", "text": "It is Hera."}]
