"""vLLM's tokens as events of the contract, and the engine held to its own protocol. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from smg_grpc_proto.generated import vllm_engine_pb2 as vllm
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2

from thinmesh_adapters.text.token_answer import Token, TokenAnswer
from thinmesh_core.errors import MeshError, Reason

_REASONS = {
    "stop": pb.FINISH_REASON_STOP,
    "length": pb.FINISH_REASON_LENGTH,
    "repetition": pb.FINISH_REASON_STOP,  # the engine was told to end answers that go in circles
}


class Answer:
    """One call's choices, response by response.

    In a stream tokens stand in the chunks, and a complete repeats the last of them; else they stand in the complete alone.
    `mirrored`: the engine makes one choice, and all of the answer's are like it. `top`: alternatives beside each token.
    """

    def __init__(self, choices: Sequence[TokenAnswer], *, stream: bool, mirrored: bool = False, top: int = 0) -> None:
        self._choices = choices
        self._stream = stream
        self._mirrored = mirrored
        self._top = top
        self._open = set(range(len(choices)))
        self._running = set(range(1 if mirrored else len(choices)))
        self._prompt_tokens = 0
        self._cached_tokens = 0

    @property
    def enough(self) -> bool:
        """Whether every choice has met a stop text while the engine still runs."""
        return not self._open and bool(self._running)

    def feed(self, response: vllm.GenerateResponse) -> pb.GenerateEvent | None:
        """What one response says; ENGINE_ERROR where the engine gives up."""
        event = pb.GenerateEvent()
        match response.WhichOneof("response"):
            case "chunk":
                self._count(response.chunk)
                self._say(
                    event, response.chunk.index, _tokens(response.chunk.token_ids, response.chunk.output_logprobs, self._top)
                )
            case "complete":
                complete = response.complete
                self._count(complete)
                if not self._stream:
                    self._say(event, complete.index, _tokens(complete.output_ids, complete.output_logprobs, self._top))
                self._end(event, complete)
            case None:
                raise _broken("sent an empty response")
        return event if event.deltas or event.finishes else None

    def end(self) -> pb.GenerateEvent:
        """The last event, with the usage."""
        if self._open:
            raise _broken("ended its answer without an end")
        return pb.GenerateEvent(
            usage=usage_pb2.Usage(
                prompt_tokens=self._prompt_tokens,
                completion_tokens=sum(choice.count for choice in self._choices),
                cached_prompt_tokens=self._cached_tokens,
            )
        )

    def _count(self, counts: vllm.GenerateStreamChunk | vllm.GenerateComplete) -> None:
        self._prompt_tokens = max(self._prompt_tokens, counts.prompt_tokens)
        self._cached_tokens = max(self._cached_tokens, counts.cached_tokens)

    def _say(self, event: pb.GenerateEvent, index: int, tokens: Sequence[Token]) -> None:
        for one in self._indices(index):
            if one in self._open:
                delta = self._choices[one].feed(tokens)
                if delta is not None:
                    event.deltas.append(delta)
                if self._choices[one].stopped:
                    self._finish(event, one, pb.FINISH_REASON_STOP)

    def _end(self, event: pb.GenerateEvent, complete: vllm.GenerateComplete) -> None:
        reason = _REASONS.get(complete.finish_reason)
        if reason is None:
            known = complete.finish_reason in {"abort", "error"}
            if not known:
                raise _broken("ended for a reason that does not exist")
            raise MeshError(Reason.ENGINE_ERROR, "The model's engine gave up in the middle of its answer.")
        self._running.discard(complete.index)
        for one in self._indices(complete.index):
            if one in self._open:
                self._finish(event, one, reason)

    def _finish(self, event: pb.GenerateEvent, index: int, reason: pb.FinishReason.ValueType) -> None:
        choice = self._choices[index]
        rest = choice.end()
        if rest is not None:
            event.deltas.append(rest)
        if choice.called and reason == pb.FINISH_REASON_STOP:
            reason = pb.FINISH_REASON_TOOL_CALLS
        event.finishes.append(pb.Finish(index=index, reason=reason))
        self._open.discard(index)

    def _indices(self, index: int) -> range:
        if self._mirrored:
            return range(len(self._choices))
        if index >= len(self._choices):
            raise _broken("answered a choice that was not asked for")
        return range(index, index + 1)


def _tokens(ids: Sequence[int], logprobs: vllm.OutputLogProbs, top: int) -> list[Token]:
    """Each token with its probability. Of the candidates the engine puts the chosen one first; they are to come best first."""
    if not logprobs.token_ids:
        return [Token(one) for one in ids]
    if list(logprobs.token_ids) != list(ids) or len(logprobs.token_logprobs) != len(ids):
        raise _broken("sent probabilities of other tokens")
    pairs = zip_longest(ids, logprobs.token_logprobs, logprobs.top_logprobs)
    return [Token(one, logprob, _best(candidates, top)) for one, logprob, candidates in pairs]


def _best(candidates: vllm.TopLogProbs | None, top: int) -> list[tuple[int, float]]:
    if candidates is None:
        return []
    return sorted(zip(candidates.token_ids, candidates.values, strict=False), key=lambda one: -one[1])[:top]


def _broken(what: str) -> MeshError:
    return MeshError(Reason.ENGINE_PROTOCOL, f"The model's engine {what}.")
