"""Every text of an answer, rewritten as it comes. Pure.

Texts: text, reasoning, and the JSON arguments of tool calls. What log probabilities say of the tokens' texts is dropped, for it
is the same text once more in pieces; the probabilities stay.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import sampling_pb2

from thinmesh_gateway.privacy.rewriter import Rewriter
from thinmesh_gateway.privacy.work import Work

Open = Callable[[bool], Rewriter]
"""Begins a text; the argument: it is JSON."""

TEXT, REASONING = -2, -1
"""Which text of a choice; from 0 on the arguments of that tool call."""


class Answer:
    """The texts of one answer, each with its own rewriter from its first piece to its choice's finish."""

    __slots__ = ("_open", "_texts")

    def __init__(self, begin: Open) -> None:
        self._open = begin
        self._texts: dict[int, dict[int, Rewriter]] = {}

    def event(self, event: pb.GenerateEvent) -> pb.GenerateEvent:
        """What can be passed on of an event, which stays as it is; it is empty where all of it is held back."""
        passed = pb.GenerateEvent()
        for delta in event.deltas:
            self._delta(delta, passed)
        for finish in event.finishes:
            rest = self._rest(finish.index)
            if rest is not None:
                passed.deltas.append(rest)
            passed.finishes.append(finish)
        if event.HasField("usage"):
            passed.usage.CopyFrom(event.usage)
        return passed

    def _delta(self, delta: pb.Delta, passed: pb.GenerateEvent) -> None:
        """Adds what can be passed on of a delta, if there is any."""
        index = delta.index
        text, reasoning = delta.text, delta.reasoning
        text = self._rewriter(index, TEXT).feed(text) if text else ""
        reasoning = self._rewriter(index, REASONING).feed(reasoning) if reasoning else ""
        calls = [call for call in map(partial(self._call, index), delta.tool_calls) if call is not None]
        logprobs = [*map(_without_texts, delta.logprobs)]
        if text or reasoning or calls or logprobs:
            passed.deltas.add(index=index, text=text, reasoning=reasoning, tool_calls=calls, logprobs=logprobs)

    def _call(self, index: int, call: pb.ToolCallDelta) -> pb.ToolCallDelta | None:
        arguments = self._rewriter(index, call.index).feed(call.arguments_json)
        if not arguments and not call.HasField("id") and not call.HasField("name"):
            return None
        new = pb.ToolCallDelta()
        new.CopyFrom(call)
        new.arguments_json = arguments
        return new

    def _rest(self, index: int) -> pb.Delta | None:
        """What was held back of a choice."""
        rest = pb.Delta(index=index)
        for which, rewriter in self._texts.pop(index, {}).items():
            text = rewriter.end()
            if not text:
                continue
            if which == TEXT:
                rest.text = text
            elif which == REASONING:
                rest.reasoning = text
            else:
                rest.tool_calls.add(index=which, arguments_json=text)
        return rest if rest.text or rest.reasoning or rest.tool_calls else None

    def _rewriter(self, index: int, which: int) -> Rewriter:
        texts = self._texts.setdefault(index, {})
        rewriter = texts.get(which)
        if rewriter is None:
            rewriter = texts[which] = self._open(which >= 0)
        return rewriter


def response(response: pb.GenerateResponse, begin: Open) -> Work[pb.GenerateResponse]:
    """A whole answer, rewritten in a copy."""
    new = pb.GenerateResponse()
    new.CopyFrom(response)
    for choice in new.choices:
        choice.text = yield from begin(False).whole(choice.text)
        choice.reasoning = yield from begin(False).whole(choice.reasoning)
        for call in choice.tool_calls:
            call.arguments_json = yield from begin(True).whole(call.arguments_json)
        kept: list[sampling_pb2.TokenLogprob] = []
        for one in choice.logprobs:
            kept.append(_without_texts(one))
            yield 1 + len(one.top)
        del choice.logprobs[:]
        choice.logprobs.extend(kept)
    return new


def _without_texts(one: sampling_pb2.TokenLogprob) -> sampling_pb2.TokenLogprob:
    return sampling_pb2.TokenLogprob(
        chosen=sampling_pb2.Logprob(logprob=one.chosen.logprob),
        top=[sampling_pb2.Logprob(logprob=other.logprob) for other in one.top],
    )
