"""What guardrails see of requests and answers, and what becomes of those."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from gateway.privacy.test_policy import REQUESTS, everything, strings
from thinmesh.inference.v1 import chat_pb2, sampling_pb2, usage_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core.config import convert
from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.guardrails import texts
from thinmesh_gateway.guardrails.config import GuardrailConfig
from thinmesh_gateway.guardrails.contract import Text
from thinmesh_gateway.guardrails.guards import Guards
from thinmesh_gateway.guardrails.pool import Pool

WORD = "zeus"


def ignored(_: MeshError) -> None:
    """Nobody is told."""


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


def guards(pool: Pool, *when: str, models: tuple[str, ...] = (), **settings: Any) -> Guards:
    entry = {"name": "denied_words", "when": list(when), "settings": {"patterns": [WORD], **settings}}
    return Guards("tenants.t.guardrails", [convert(entry, GuardrailConfig, source="test")], models, pool)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
async def test_every_text_that_privacy_looks_at_guardrails_see_too(pool: Pool, request_: Any) -> None:
    with pytest.raises(MeshError) as raised:
        await guards(pool, "before", patterns=["010-1234-5678"]).request(request_)
    assert raised.value.reason is Reason.CONTENT_DENIED
    replaced = await guards(pool, "before", patterns=["010-1234-5678"], instead="x").request(request_)
    assert not [text for text in strings(replaced) if "010-1234-5678" in text]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_what_is_put_back_is_what_was_taken_out(request_: Any) -> None:
    given = texts.of_request(request_)
    assert texts.into_request(request_, given, given) == request_
    marked = [msgspec.structs.replace(one, text=f"{number}") for number, one in enumerate(given)]
    assert [one.text for one in texts.of_request(texts.into_request(request_, given, marked))] == [one.text for one in marked]


def test_a_text_is_told_by_who_says_it_or_where_it_stands() -> None:
    found = texts.of_request(everything(WORD))
    assert {one.kind for one in found} == {
        "system", "developer", "user", "assistant", "tool", "name", "arguments", "tools", "stop", "response_format", "engine_options",
    }  # fmt: skip
    assert {one.kind for one in found if one.json} == {"arguments", "tools", "response_format", "engine_options"}
    assert texts.of_request(pb.GenerateRequest(text="a")) == [Text("prompt", "a")]
    assert texts.of_request(pb.EmbedRequest(inputs=[pb.EmbedInput(text="a")])) == [Text("input", "a")]
    ranked = texts.of_request(pb.RerankRequest(query="a", documents=["b", "c"]))
    assert ranked == [Text("query", "a"), Text("documents", "b"), Text("documents", "c")]


async def test_an_escape_of_json_hides_nothing_and_stays_where_nothing_is_replaced(pool: Pool) -> None:
    def request(arguments: str) -> pb.GenerateRequest:
        call = chat_pb2.ToolCall(arguments_json=arguments)
        return pb.GenerateRequest(chat=chat_pb2.ChatInput(messages=[chat_pb2.Message(tool_calls=[call])]))

    with pytest.raises(MeshError):
        await guards(pool, "before").request(request(r'{"a": "\u007aeus"}'))
    other = request(r'{"a": "\u0061"}')
    other.chat.messages.add(content=[chat_pb2.ContentPart(text=WORD)])
    replaced = await guards(pool, "before", instead="x").request(other)
    assert replaced.chat.messages[0].tool_calls[0].arguments_json == r'{"a": "\u0061"}'
    assert replaced.chat.messages[1].content[0].text == "x"
    assert other.chat.messages[1].content[0].text == WORD


@pytest.mark.parametrize(
    "request_",
    [
        pb.GenerateRequest(token_ids=pb.TokenIds(ids=[1])),
        pb.EmbedRequest(inputs=[pb.EmbedInput(token_ids=pb.TokenIds(ids=[1]))]),
    ],
)
async def test_tokens_are_refused_where_guardrails_look_at_requests(pool: Pool, request_: Any) -> None:
    assert await guards(pool, "after").request(request_) is request_
    with pytest.raises(MeshError, match="guardrails need text: send the input as text"):
        await guards(pool, "before").request(request_)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_tensors_are_refused_but_for_models_that_take_no_text(pool: Pool, when: str) -> None:
    request = tensor_pb.ModelInferRequest(model_name="resnet")
    assert await guards(pool, when, models=("resnet",)).request(request) is request
    with pytest.raises(MeshError, match="guardrails need text, and this model takes tensors"):
        await guards(pool, when).request(request)


async def test_a_choice_that_is_denied_is_empty_and_says_so_and_the_others_stay(pool: Pool) -> None:
    token = sampling_pb2.TokenLogprob(chosen=sampling_pb2.Logprob(token=WORD))
    bad: list[dict[str, Any]] = [
        {"text": f"it is {WORD}", "logprobs": [token]},
        {"reasoning": WORD},
        {"tool_calls": [chat_pb2.ToolCall(id="c", name="f", arguments_json=f'{{"a": "{WORD}"}}')]},
    ]
    good = pb.Choice(index=3, text="fine", logprobs=[token], finish_reason=pb.FINISH_REASON_LENGTH)
    choices = [pb.Choice(index=index, finish_reason=pb.FINISH_REASON_STOP, **one) for index, one in enumerate(bad)]
    answer = pb.GenerateResponse(choices=[*choices, good], usage=usage_pb2.Usage(completion_tokens=4))
    denied: list[MeshError] = []
    judged = await guards(pool, "after", reason="secret").answer(answer, denied.append)
    note = "The guardrail 'denied_words' denies the answer: secret."
    empty = [pb.Choice(index=index, finish_reason=pb.FINISH_REASON_CONTENT_FILTER, note=note) for index in range(3)]
    assert judged == pb.GenerateResponse(choices=[*empty, good], usage=answer.usage)
    assert [one.reason for one in denied] == [Reason.CONTENT_DENIED] * 3


async def test_what_is_replaced_in_an_answer_loses_its_log_probabilities(pool: Pool) -> None:
    token = sampling_pb2.TokenLogprob(chosen=sampling_pb2.Logprob(token=WORD))
    call = chat_pb2.ToolCall(id="c", name=WORD, arguments_json=f'{{"a": "{WORD}"}}')
    choice = pb.Choice(
        text=WORD, reasoning=f"{WORD}!", tool_calls=[call, call], logprobs=[token], finish_reason=pb.FINISH_REASON_STOP
    )
    judged = await guards(pool, "after", instead="x").answer(pb.GenerateResponse(choices=[choice]), ignored)
    new = chat_pb2.ToolCall(id="c", name=WORD, arguments_json='{"a": "x"}')
    assert judged.choices[0] == pb.Choice(text="x", reasoning="x!", tool_calls=[new, new], finish_reason=pb.FINISH_REASON_STOP)


async def test_who_looks_at_requests_alone_does_not_see_answers(pool: Pool) -> None:
    answer = pb.GenerateResponse(choices=[pb.Choice(text=WORD)])
    assert await guards(pool, "before").answer(answer, ignored) is answer
