"""vLLM's tokens as events of the contract, and the engine held to its own protocol. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from smg_grpc_proto.generated import vllm_engine_pb2 as vllm
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.text.choices import Choices, broken, gave_up
from thinmesh_adapters.text.token_answer import Candidate, Token, TokenAnswer, best_first

_REASONS = {
    "stop": pb.FINISH_REASON_STOP,
    "length": pb.FINISH_REASON_LENGTH,
    "repetition": pb.FINISH_REASON_STOP,  # the engine was told to end answers that go in circles
}
_GIVEN_UP = {"abort", "error"}


class Answer:
    """One call's answer, response by response.

    In a stream tokens stand in the chunks, and a complete repeats the last of them; else they stand in the complete alone.
    `top` is how many alternatives are wanted beside each token.
    """

    def __init__(self, choices: Choices[TokenAnswer], *, stream: bool, top: int = 0) -> None:
        self._choices = choices
        self._stream = stream
        self._top = top
        self._prompt_tokens = 0
        self._cached_tokens = 0

    def feed(self, response: vllm.GenerateResponse) -> pb.GenerateEvent | None:
        """What one response says; ENGINE_ERROR where the engine gives up."""
        event = pb.GenerateEvent()
        match response.WhichOneof("response"):
            case "chunk":
                self._say(event, response.chunk, response.chunk.token_ids)
            case "complete":
                complete = response.complete
                self._say(event, complete, () if self._stream else complete.output_ids)
                self._choices.end(event, complete.index, _reason(complete.finish_reason))
            case None:
                raise broken("sent an empty response")
        return event if event.deltas or event.finishes else None

    def end(self) -> pb.GenerateEvent:
        """The last event, with the usage."""
        return self._choices.usage(self._prompt_tokens, self._cached_tokens)

    def _say(self, event: pb.GenerateEvent, said: vllm.GenerateStreamChunk | vllm.GenerateComplete, ids: Sequence[int]) -> None:
        self._prompt_tokens = max(self._prompt_tokens, said.prompt_tokens)
        self._cached_tokens = max(self._cached_tokens, said.cached_tokens)
        tokens = _tokens(ids, said.output_logprobs, self._top) if ids else ()
        for index, choice in self._choices.open(said.index):
            self._choices.say(event, index, choice.feed(tokens))


def _reason(word: str) -> pb.FinishReason.ValueType:
    if word in _GIVEN_UP:
        raise gave_up()
    if word not in _REASONS:
        raise broken("ended for a reason that does not exist")
    return _REASONS[word]


def _tokens(ids: Sequence[int], logprobs: vllm.OutputLogProbs, top: int) -> list[Token]:
    """Each token with its probability. Of the candidates the engine puts the chosen one first; they are to come best first."""
    if not logprobs.token_ids:
        return [Token(one) for one in ids]
    if list(logprobs.token_ids) != list(ids) or len(logprobs.token_logprobs) != len(ids):
        raise broken("sent probabilities of other tokens")
    rows = zip_longest(ids, logprobs.token_logprobs, logprobs.top_logprobs[: len(ids)])
    return [Token(one, logprob, _best(candidates, top)) for one, logprob, candidates in rows]


def _best(candidates: vllm.TopLogProbs | None, top: int) -> list[Candidate]:
    if candidates is None:
        return []
    return best_first(zip(candidates.token_ids, candidates.values, strict=False), top)
