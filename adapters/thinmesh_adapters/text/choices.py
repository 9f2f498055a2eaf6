"""The choices of one answer: which are still open, how each ends, and what the engine still works on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2

from thinmesh_adapters.fields import count
from thinmesh_core.errors import MeshError, Reason


class Choice(Protocol):
    """One choice as it is read."""

    count: int
    """Tokens so far."""

    @property
    def called(self) -> bool:
        """Whether a call was made."""
        ...

    @property
    def stopped(self) -> bool:
        """Whether a stop text was met."""
        ...

    def end(self) -> pb.Delta | None:
        """What was held back."""
        ...


C = TypeVar("C", bound=Choice)


class Choices(Generic[C]):
    """`mirrored`: the engine makes one choice, and all of the answer's are like it."""

    def __init__(self, choices: Sequence[C], *, mirrored: bool = False) -> None:
        self._choices = choices
        self._mirrored = mirrored
        self._open = set(range(len(choices)))
        self._running = set(range(1 if mirrored else len(choices)))

    @property
    def enough(self) -> bool:
        """Whether every choice has met a stop text while the engine still runs."""
        return not self._open and bool(self._running)

    def open(self, index: int) -> Iterator[tuple[int, C]]:
        """The choices that the engine speaks of, unless they have ended; ENGINE_PROTOCOL where it has none of that index."""
        if index not in range(1 if self._mirrored else len(self._choices)):
            raise broken("answered a choice that was not asked for")
        for one in range(len(self._choices)) if self._mirrored else (index,):
            if one in self._open:
                yield one, self._choices[one]

    def say(self, event: pb.GenerateEvent, index: int, delta: pb.Delta | None) -> None:
        """Adds what a choice says, and its end where that met a stop text."""
        if delta is not None:
            event.deltas.append(delta)
        if self._choices[index].stopped:
            self._finish(event, index, pb.FINISH_REASON_STOP)

    def end(self, event: pb.GenerateEvent, index: int, reason: pb.FinishReason.ValueType) -> None:
        """Adds the end that the engine gives a choice; only the first end of each counts."""
        for one, _ in list(self.open(index)):
            self._finish(event, one, reason)
        self._running.discard(index)

    def usage(self, prompt_tokens: int, cached_tokens: int | None) -> pb.GenerateEvent:
        """The last event; ENGINE_PROTOCOL while a choice is open."""
        if self._open:
            raise broken("ended its answer without an end")
        completion = count(sum(choice.count for choice in self._choices))
        usage = usage_pb2.Usage(prompt_tokens=prompt_tokens, completion_tokens=completion, cached_prompt_tokens=cached_tokens)
        return pb.GenerateEvent(usage=usage)

    def _finish(self, event: pb.GenerateEvent, index: int, reason: pb.FinishReason.ValueType) -> None:
        choice = self._choices[index]
        rest = choice.end()
        if rest is not None:
            event.deltas.append(rest)
        if choice.called and reason == pb.FINISH_REASON_STOP:
            reason = pb.FINISH_REASON_TOOL_CALLS
        event.finishes.append(pb.Finish(index=index, reason=reason))
        self._open.discard(index)


def gave_up() -> MeshError:
    """What an engine's own abort of an answer means."""
    return MeshError(Reason.ENGINE_ERROR, "The model's engine gave up in the middle of its answer.")


def broken(what: str) -> MeshError:
    """An answer that is none."""
    return MeshError(Reason.ENGINE_PROTOCOL, f"The model's engine {what}.")
