"""A stream of events folded into the whole answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from thinmesh.inference.v1 import chat_pb2, sampling_pb2, usage_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.rules import StreamRules


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Choice:
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, _Call] = field(default_factory=dict)
    logprobs: list[sampling_pb2.TokenLogprob] = field(default_factory=list)
    reason: pb.FinishReason.ValueType = pb.FINISH_REASON_UNSPECIFIED
    note: str | None = None


class Folding:
    """The answer of so many choices as events spell it; ENGINE_PROTOCOL where they break the stream's rules."""

    def __init__(self, choices: int) -> None:
        self._rules = StreamRules(choices)
        self._choices = [_Choice() for _ in range(choices)]
        self._usage: usage_pb2.Usage | None = None

    def add(self, event: pb.GenerateEvent) -> None:
        """Takes one event."""
        self._rules.check(event)
        for delta in event.deltas:
            _add(self._choices[delta.index], delta)
        for finish in event.finishes:
            choice = self._choices[finish.index]
            choice.reason = finish.reason
            choice.note = finish.note if finish.HasField("note") else None
        if event.HasField("usage"):
            self._usage = event.usage

    def whole(self) -> pb.GenerateResponse:
        """The answer, once all events are in."""
        self._rules.end()
        return pb.GenerateResponse(choices=[_choice(index, one) for index, one in enumerate(self._choices)], usage=self._usage)


async def fold(events: AsyncIterator[pb.GenerateEvent], choices: int) -> pb.GenerateResponse:
    """The answer that a stream spells."""
    folding = Folding(choices)
    async for event in events:
        folding.add(event)
    return folding.whole()


def _add(choice: _Choice, delta: pb.Delta) -> None:
    choice.text.append(delta.text)
    choice.reasoning.append(delta.reasoning)
    choice.logprobs.extend(delta.logprobs)
    for piece in delta.tool_calls:
        call = choice.calls.setdefault(piece.index, _Call())
        call.id = call.id or piece.id
        call.name = call.name or piece.name
        call.arguments.append(piece.arguments_json)


def _choice(index: int, choice: _Choice) -> pb.Choice:
    return pb.Choice(
        index=index,
        text="".join(choice.text),
        reasoning="".join(choice.reasoning),
        tool_calls=_calls(choice.calls[key] for key in sorted(choice.calls)),
        logprobs=choice.logprobs,
        finish_reason=choice.reason,
        note=choice.note,
    )


def _calls(calls: Iterable[_Call]) -> Iterable[chat_pb2.ToolCall]:
    for call in calls:
        yield chat_pb2.ToolCall(id=call.id, name=call.name, arguments_json="".join(call.arguments))
