"""What a vLLM's tokens mean: whole characters, each token's probability beside its text, one finish a choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smg_grpc_proto.generated import vllm_engine_pb2 as vllm
from thinmesh.inference.v1 import inference_service_pb2 as pb

from fakes.tokenizers import EOS, tokenizer_json
from thinmesh_adapters.text.answer import TextAnswer
from thinmesh_adapters.text.choices import Choices
from thinmesh_adapters.text.token_answer import TokenAnswer
from thinmesh_adapters.text.tokenizer import Tokenizer
from thinmesh_adapters.vllm.answer import Answer
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.fold import Folding

TOKENIZER = Tokenizer(tokenizer_json())
END = TOKENIZER.encode(EOS, special=False)


def ids(text: str) -> list[int]:
    return TOKENIZER.encode(text, special=False)


def choice(index: int = 0, *, stop: Sequence[str] = (), ends: Sequence[int] = (), least: int = 0) -> TokenAnswer:
    return TokenAnswer(index, TOKENIZER, TextAnswer(index, stop), ends=ends, least=least)


def answering(*choices: TokenAnswer, stream: bool = True, mirrored: bool = False, top: int = 0) -> Answer:
    return Answer(Choices(choices, mirrored=mirrored), stream=stream, top=top)


def chunk(tokens: Sequence[int], *, index: int = 0, logprobs: bool = False, **fields: Any) -> vllm.GenerateResponse:
    told = None
    if logprobs:
        tops = [vllm.TopLogProbs(token_ids=[one, 5, 6], values=[-7.0, -0.5, -1.0]) for one in tokens]
        told = vllm.OutputLogProbs(token_ids=tokens, token_logprobs=[-7.0] * len(tokens), top_logprobs=tops)
    return vllm.GenerateResponse(
        chunk=vllm.GenerateStreamChunk(token_ids=tokens, index=index, output_logprobs=told, prompt_tokens=3, **fields)
    )


def complete(reason: str = "stop", *, index: int = 0, tokens: Sequence[int] = (7,)) -> vllm.GenerateResponse:
    """In a stream it repeats the last of the tokens."""
    return vllm.GenerateResponse(
        complete=vllm.GenerateComplete(finish_reason=reason, index=index, output_ids=tokens, prompt_tokens=3, cached_tokens=2)
    )


def read(answer: Answer, responses: Sequence[vllm.GenerateResponse], choices: int = 1) -> pb.GenerateResponse:
    folding = Folding(choices)
    for response in responses:
        event = answer.feed(response)
        if event is not None:
            folding.add(event)
    folding.add(answer.end())
    return folding.whole()


def test_tokens_are_counted_here_and_the_last_ones_only_once() -> None:
    tokens = ids("the sea") + END
    told = read(answering(choice()), [*(chunk([one], completion_tokens=1) for one in tokens), complete()])
    assert (told.choices[0].text, told.usage.completion_tokens) == ("the sea", len(tokens))
    assert (told.usage.prompt_tokens, told.usage.cached_prompt_tokens) == (3, 2)


@pytest.mark.parametrize(
    ("word", "reason"),
    [("stop", pb.FINISH_REASON_STOP), ("length", pb.FINISH_REASON_LENGTH), ("repetition", pb.FINISH_REASON_STOP)],
)
def test_its_reasons_have_a_meaning(word: str, reason: pb.FinishReason.ValueType) -> None:
    assert read(answering(choice(), stream=False), [complete(word)]).choices[0].finish_reason == reason


def test_choices_end_each_in_its_time() -> None:
    answer = answering(choice(0), choice(1))
    responses = [chunk(ids("a"), index=1), chunk(ids("b")), complete(index=1), chunk(ids("c")), complete("length")]
    told = read(answer, responses, 2)
    assert [one.text for one in told.choices] == ["bc", "a"]
    assert [one.finish_reason for one in told.choices] == [pb.FINISH_REASON_LENGTH, pb.FINISH_REASON_STOP]


def test_a_stop_token_is_counted_and_not_shown() -> None:
    stop = ids("!")
    told = read(answering(choice(ends=stop)), [chunk(ids("ab")), chunk(stop, logprobs=True), complete()])
    assert (told.choices[0].text, len(told.choices[0].logprobs)) == ("ab", 0)
    assert told.usage.completion_tokens == len(ids("ab")) + 1


def test_an_engine_that_overlooks_a_stop_text_is_left() -> None:
    choices = Choices([choice(stop=["b"])])
    answer = Answer(choices, stream=True)
    event = answer.feed(chunk(ids("abc")))
    assert event is not None
    assert (event.deltas[0].text, event.finishes[0].reason, choices.enough) == ("a", pb.FINISH_REASON_STOP, True)
    assert answer.feed(chunk(ids("more"))) is None
    assert answer.end().usage.completion_tokens == len(ids("abc"))


def test_stops_hold_once_the_least_tokens_have_come() -> None:
    tokens = ids("!!a!b")
    told = read(answering(choice(stop=["!"], least=2)), [chunk([one]) for one in tokens])
    assert told.choices[0].text == "!!a"


@given(st.text(alphabet="abé가🌊", min_size=1, max_size=12), st.integers(1, 5), st.sampled_from(["", "a", "가b"]))
def test_probabilities_spell_the_text_however_it_is_cut(text: str, size: int, stop: str) -> None:
    tokens = ids(text) + END
    answer = answering(choice(stop=[stop] if stop else [], ends=END), top=2)
    responses = [chunk(tokens[at : at + size], logprobs=True) for at in range(0, len(tokens), size)]
    told = read(answer, [*responses, complete()]).choices[0]
    spelt = b"".join(one.chosen.token_bytes for one in told.logprobs)
    if stop and stop in text:
        assert told.text == text[: text.index(stop)]
        assert spelt.decode(errors="replace").startswith(told.text)
    else:
        assert (told.text, spelt.decode()) == (text, text)


def test_alternatives_come_best_first_as_many_as_asked_for() -> None:
    told = read(answering(choice(), top=2), [chunk(ids("x"), logprobs=True), complete()])
    (logprob,) = told.choices[0].logprobs
    assert [one.logprob for one in logprob.top] == [-0.5, -1.0]
    assert (logprob.chosen.token, logprob.chosen.logprob) == ("x", -7.0)


def test_a_piece_of_a_character_has_its_bytes() -> None:
    told = read(answering(choice()), [*(chunk([one], logprobs=True) for one in ids("🌊")), complete()])
    logprobs = [one.chosen for one in told.choices[0].logprobs]
    assert b"".join(one.token_bytes for one in logprobs) == "🌊".encode()
    assert {one.token for one in logprobs} == {"\ufffd"}


def test_probabilities_of_other_tokens_are_no_answer() -> None:
    broken = chunk(ids("ab"), logprobs=True)
    broken.chunk.token_ids[0] += 1
    with pytest.raises(MeshError) as raised:
        answering(choice()).feed(broken)
    assert raised.value.reason is Reason.ENGINE_PROTOCOL


def test_a_choice_made_once_is_given_to_all() -> None:
    answer = answering(choice(0), choice(1), mirrored=True)
    told = read(answer, [chunk(ids("ab")), complete()], 2)
    assert [one.text for one in told.choices] == ["ab", "ab"]
