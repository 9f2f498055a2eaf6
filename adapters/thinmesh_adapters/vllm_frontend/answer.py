"""What vLLM's Rust frontend streams as events of the contract. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.third_party.vllm import inference_pb2 as vllm

from thinmesh_adapters.text.answer import TextAnswer
from thinmesh_adapters.text.choices import Choices, broken, gave_up
from thinmesh_adapters.text.token_answer import Token, TokenAnswer, best_first

_REASONS = {
    vllm.FinishInfo.STOP: pb.FINISH_REASON_STOP,
    vllm.FinishInfo.LENGTH: pb.FINISH_REASON_LENGTH,
}


class CountedText:
    """One choice that comes as text, of tokens that the engine counts; stops hold once `least` tokens have come."""

    def __init__(self, answer: TextAnswer, *, least: int = 0) -> None:
        self.count = 0
        self.called = False
        self._answer = answer
        self._least = least

    @property
    def stopped(self) -> bool:
        """Whether a stop text was met that the engine let through."""
        return self._answer.stopped

    def feed(self, text: str, tokens: int) -> pb.Delta | None:
        """What this text adds."""
        self.count += tokens
        return self._answer.feed(text, stoppable=self.count > self._least)

    def end(self) -> pb.Delta | None:
        """What was held back."""
        return self._answer.end()


class Answer:
    """One call's answer, message by message. `top` is how many alternatives are wanted beside each token."""

    def __init__(self, choices: Choices[TokenAnswer] | Choices[CountedText], *, top: int = 0) -> None:
        self._choices = choices
        self._top = top
        self._prompt_tokens = 0
        self._cached_tokens: int | None = None

    def feed(self, response: vllm.GenerateResponse) -> pb.GenerateEvent | None:
        """What one message says; ENGINE_ERROR where the engine gives up."""
        event = pb.GenerateEvent()
        if response.HasField("prompt_info"):
            self._prompt_tokens = response.prompt_info.num_prompt_tokens
        if response.HasField("outputs"):
            self._read(event, response.outputs)
        return event if event.deltas or event.finishes else None

    def end(self) -> pb.GenerateEvent:
        """The last event, with the usage."""
        return self._choices.usage(self._prompt_tokens, self._cached_tokens)

    def _read(self, event: pb.GenerateEvent, said: vllm.SequenceOutput) -> None:
        for index, choice in self._choices.open(said.index):
            if isinstance(choice, CountedText):
                delta = choice.feed(said.text, said.num_tokens)
            else:
                delta = choice.feed(_tokens(said, self._top))
            self._choices.say(event, index, delta)
        finish = said.finish_info
        if said.HasField("finish_info") and finish.finish_reason != vllm.FinishInfo.NOT_FINISHED:
            if finish.HasField("num_cached_tokens"):
                self._cached_tokens = max(self._cached_tokens or 0, finish.num_cached_tokens)
            self._choices.end(event, said.index, _reason(finish.finish_reason))


def _reason(reason: vllm.FinishInfo.FinishReason.ValueType) -> pb.FinishReason.ValueType:
    if reason == vllm.FinishInfo.ABORTED:
        raise gave_up()
    if reason not in _REASONS:
        raise broken("ended for a reason that does not exist")
    return _REASONS[reason]


def _tokens(said: vllm.SequenceOutput, top: int) -> Sequence[Token]:
    """Each token with its probability; the chosen one is not among the engine's candidates, and may be the likeliest."""
    if len(said.token_ids) != said.num_tokens:
        raise broken("sent other tokens than it counted")
    if not said.logprobs:
        return [Token(one) for one in said.token_ids]
    if len(said.logprobs) != len(said.token_ids):
        raise broken("sent probabilities of other tokens")
    others = [[(one.id, one.logprob) for one in place.tokens] for place in said.candidate_tokens]
    others += [[] for _ in range(len(said.token_ids) - len(others))]
    chosen = zip(said.token_ids, said.logprobs, strict=True)
    return [Token(one[0], one[1], best_first([one, *candidates], top)) for one, candidates in zip(chosen, others, strict=False)]
