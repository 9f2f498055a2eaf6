"""One choice of an answer that comes as tokens: tokens in, deltas of the contract out. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import sampling_pb2

from thinmesh_adapters.text.answer import TextAnswer
from thinmesh_adapters.text.tokenizer import Tokenizer

Candidate = tuple[int, float]
"""A token, and the logarithm of its probability."""


@dataclass(frozen=True, slots=True)
class Token:
    """A generated token, with its probability and those of the others at its place, where they were asked for."""

    id: int
    logprob: float | None = None
    top: Sequence[Candidate] = ()


def best_first(candidates: Iterable[Candidate], most: int) -> list[Candidate]:
    """The likeliest of the candidates."""
    return sorted(candidates, key=lambda one: -one[1])[:most]


class TokenAnswer:
    """Counts, spells and hands on. A token among `ends` is counted and not shown; stops hold once `least` tokens have come."""

    def __init__(self, index: int, tokenizer: Tokenizer, answer: TextAnswer, *, ends: Collection[int], least: int = 0) -> None:
        self.count = 0
        """Tokens so far."""
        self._index = index
        self._tokenizer = tokenizer
        self._detokenizer = tokenizer.detokenizer()
        self._answer = answer
        self._ends = ends
        self._least = least
        self._spelt = 0
        self._waiting: deque[tuple[int, sampling_pb2.TokenLogprob]] = deque()

    @property
    def called(self) -> bool:
        """Whether a call was made."""
        return self._answer.called

    @property
    def stopped(self) -> bool:
        """Whether a stop text was met."""
        return self._answer.stopped

    def feed(self, tokens: Sequence[Token]) -> pb.Delta | None:
        """What these tokens add."""
        deltas = []
        for token in tokens:
            self.count += 1
            if not self.stopped and token.id not in self._ends:
                deltas.append(self._take(token))
        return self._with_logprobs(deltas)

    def end(self) -> pb.Delta | None:
        """What was held back: text, and the probabilities of the tokens that it is made of."""
        rest = self._detokenizer.end()
        return self._with_logprobs([self._answer.feed(rest) if rest else None, self._answer.end()])

    def _take(self, token: Token) -> pb.Delta | None:
        if token.logprob is not None:
            self._waiting.append((self._spelt, self._logprobs(token, token.logprob)))
        text = self._detokenizer.feed([token.id])
        self._spelt += len(text)
        return self._answer.feed(text, stoppable=self.count > self._least)

    def _with_logprobs(self, deltas: Iterable[pb.Delta | None]) -> pb.Delta | None:
        """The deltas as one, with the probabilities of those tokens that have come through, in whole or in part."""
        several = [one for one in deltas if one is not None]
        said = several[0] if len(several) == 1 else _joined(self._index, several)
        while self._waiting and self._waiting[0][0] < self._answer.passed:
            said.logprobs.append(self._waiting.popleft()[1])
        return said if said.text or said.reasoning or said.tool_calls or said.logprobs else None

    def _logprobs(self, token: Token, logprob: float) -> sampling_pb2.TokenLogprob:
        return sampling_pb2.TokenLogprob(
            chosen=self._logprob((token.id, logprob)), top=[self._logprob(one) for one in token.top]
        )

    def _logprob(self, candidate: Candidate) -> sampling_pb2.Logprob:
        spelt = self._tokenizer.token_bytes(candidate[0])
        return sampling_pb2.Logprob(token=spelt.decode(errors="replace"), logprob=candidate[1], token_bytes=spelt)


def _joined(index: int, deltas: Sequence[pb.Delta]) -> pb.Delta:
    """Whole answers come as thousands of deltas, so their texts are put together once."""
    return pb.Delta(
        index=index,
        text="".join(one.text for one in deltas),
        reasoning="".join(one.reasoning for one in deltas),
        tool_calls=[call for one in deltas for call in one.tool_calls],
    )
