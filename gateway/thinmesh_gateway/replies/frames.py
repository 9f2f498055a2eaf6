"""A generation's events as those of a streamed response, and the response that they spell. Pure.

Items stand in the order in which they begin. Reasoning and text end where something else begins; calls, whose pieces may come
by turns, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2

from thinmesh_core.errors import MeshError
from thinmesh_gateway.openai.bodies import ChatLogprob
from thinmesh_gateway.openai.responses import logprobs
from thinmesh_gateway.replies import answers, events
from thinmesh_gateway.replies.bodies import (
    Call,
    ItemStatus,
    Message,
    Output,
    OutputText,
    Reasoning,
    ReasoningText,
    Response,
)

_ENDS: dict[str, type[events.Completed | events.Incomplete | events.Failed]] = {
    "completed": events.Completed,
    "incomplete": events.Incomplete,
    "failed": events.Failed,
}


@dataclass(slots=True)
class _Begun:
    """An item that has begun."""

    index: int
    id: str
    kind: Literal["rs", "msg", "fc"]
    call_id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    logprobs: list[ChatLogprob] = field(default_factory=list)
    done: bool = False

    def output(self, status: ItemStatus) -> Output:
        """As it is now."""
        text = "".join(self.pieces)
        match self.kind:
            case "rs":
                return Reasoning(self.id, status, [ReasoningText(text)])
            case "msg":
                return Message(self.id, status, [OutputText(text, logprobs=self.logprobs)])
            case "fc":
                return Call(self.id, status, self.call_id, self.name, text)


class Frames:
    """The frames of one response, which is told as it was begun."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self._ids = answers.Ids(response.id)
        self._items: list[_Begun] = []
        self._open: _Begun | None = None
        self._calls: dict[int, _Begun] = {}
        self._frames: list[bytes] = []
        self._number = 0
        self._reason = pb.FINISH_REASON_STOP
        self._note: str | None = None
        self._usage = usage_pb2.Usage()

    def event(self, event: pb.GenerateEvent) -> bytes:
        """The frames of an event of the contract, joined, behind the opening where it is the first; `end` tells the end."""
        if not self._number:
            self._tell(events.Created(self._next(), self._response))
            self._tell(events.InProgress(self._next(), self._response))
        for delta in event.deltas[:]:
            if delta.reasoning:
                self._thought(self._opened("rs"), delta.reasoning)
            if delta.text or delta.logprobs:
                self._text(self._opened("msg"), delta)
            for call in delta.tool_calls:
                self._call(call)
        for finish in event.finishes[:]:
            self._reason, self._note = finish.reason, finish.note if finish.HasField("note") else None
        if event.HasField("usage"):
            self._usage = event.usage
        return self._told()

    def whole(self, now: int) -> Response:
        """The response, once all events are in; what is still open is left so."""
        if not any(item.kind != "rs" for item in self._items):
            self._opened("msg")
        output = [item.output("completed") for item in self._items]
        return answers.ended(self._response, output, self._reason, self._note, self._usage, now)

    def failed(self, error: MeshError) -> Response:
        """The response that ends in an error, with what there was of it."""
        return answers.failed(self._response, error, [item.output("incomplete") for item in self._items])

    def end(self, response: Response) -> bytes:
        """The frames of the end."""
        for item, output in zip(self._items, response.output, strict=True):
            self._close(item, output)
        self._tell(_ENDS[response.status](self._next(), response))
        return self._told()

    def _opened(self, kind: Literal["rs", "msg"]) -> _Begun:
        """The item that pieces of this kind belong to."""
        if self._open is not None and self._open.kind == kind:
            return self._open
        self._shut()
        self._open = item = self._add(_Begun(len(self._items), self._ids.next(kind), kind))
        part = OutputText("") if kind == "msg" else ReasoningText("")
        self._tell(events.PartAdded(self._next(), item.id, item.index, 0, part))
        return item

    def _shut(self) -> None:
        """Ends the reasoning or the text that goes on, if any."""
        if self._open is not None:
            self._close(self._open, self._open.output("completed"))
            self._open = None

    def _add(self, item: _Begun) -> _Begun:
        self._items.append(item)
        begun = item.output("in_progress")
        if isinstance(begun, Message | Reasoning):
            begun.content = []
        self._tell(events.ItemAdded(self._next(), item.index, begun))
        return item

    def _thought(self, item: _Begun, text: str) -> None:
        item.pieces.append(text)
        self._tell(events.ReasoningDelta(self._next(), item.id, item.index, 0, text))

    def _text(self, item: _Begun, delta: pb.Delta) -> None:
        listed = logprobs(delta.logprobs)
        item.pieces.append(delta.text)
        item.logprobs.extend(listed)
        self._tell(events.TextDelta(self._next(), item.id, item.index, 0, delta.text, listed))

    def _call(self, piece: pb.ToolCallDelta) -> None:
        item = self._calls.get(piece.index)
        if item is None:
            self._shut()
            begun = _Begun(len(self._items), self._ids.next("fc"), "fc", piece.id, piece.name)
            item = self._calls[piece.index] = self._add(begun)
        if piece.arguments_json:
            item.pieces.append(piece.arguments_json)
            self._tell(events.ArgumentsDelta(self._next(), item.id, item.index, piece.arguments_json))

    def _close(self, item: _Begun, output: Output) -> None:
        if item.done:
            return
        item.done = True
        match output:
            case Call(name=name, arguments=arguments):
                self._tell(events.ArgumentsDone(self._next(), item.id, item.index, name, arguments))
            case Message(content=[text]):
                self._tell(events.TextDone(self._next(), item.id, item.index, 0, text.text, text.logprobs))
                self._tell(events.PartDone(self._next(), item.id, item.index, 0, text))
            case Reasoning(content=[thought]):
                self._tell(events.ReasoningDone(self._next(), item.id, item.index, 0, thought.text))
                self._tell(events.PartDone(self._next(), item.id, item.index, 0, thought))
        self._tell(events.ItemDone(self._next(), item.index, output))

    def _next(self) -> int:
        self._number += 1
        return self._number - 1

    def _tell(self, event: events.Event) -> None:
        self._frames.append(events.frame(event))

    def _told(self) -> bytes:
        told, self._frames = b"".join(self._frames), []
        return told
