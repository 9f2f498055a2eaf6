"""A stream's answer as server-sent events; what every chunk repeats is encoded once, a token's text alone each time. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod

import msgspec
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_gateway.openai import responses

_encode = msgspec.json.Encoder().encode

# Encoded, it can be nowhere behind the text that it stands for.
_HOLE = "\x00"


def frame(body: msgspec.Struct) -> bytes:
    """One event."""
    return b"data: " + _encode(body) + b"\n\n"


class Frames(ABC):
    """The events of one answer."""

    def __init__(self, head: responses.Head, *, with_usage: bool) -> None:
        self._head = head
        self._with_usage = with_usage
        self._around: dict[int, tuple[bytes, bytes]] = {}

    def event(self, event: pb.GenerateEvent) -> bytes:
        """The frames of an event of the contract, joined: what shares a write is nearly free."""
        frames: list[bytes] = []
        for delta in event.deltas[:]:  # a list: the end of a repeated field, also of an empty one, costs half a microsecond
            if delta.tool_calls or delta.logprobs or delta.reasoning or not delta.text:
                frames.append(frame(self.piece(delta)))
            else:
                before, after = self._around.get(delta.index) or self._fill(delta.index)
                frames += (before, _encode(delta.text), after)
            self.passed(delta)
        frames += [frame(self.end(finish)) for finish in event.finishes[:]]
        if self._with_usage and event.HasField("usage"):
            frames.append(frame(self.usage(event)))
        return b"".join(frames)

    def _fill(self, index: int) -> tuple[bytes, bytes]:
        """What stands around the text of a choice's plain pieces."""
        before, _, after = frame(self.piece(pb.Delta(index=index, text=_HOLE))).rpartition(_encode(_HOLE))
        self._around[index] = before, after
        return before, after

    def passed(self, delta: pb.Delta) -> None:  # noqa: B027  # what a kind of answer need not count
        """A piece went out."""

    @abstractmethod
    def piece(self, delta: pb.Delta) -> msgspec.Struct:
        """The chunk of a piece."""

    @abstractmethod
    def end(self, finish: pb.Finish) -> msgspec.Struct:
        """The chunk of a choice's end."""

    @abstractmethod
    def usage(self, event: pb.GenerateEvent) -> msgspec.Struct:
        """The chunk of the usage."""


class ChatFrames(Frames):
    """A chat completion's events; the first names the role of every choice."""

    def __init__(self, head: responses.Head, choices: int, *, with_usage: bool) -> None:
        super().__init__(head, with_usage=with_usage)
        self._unopened = choices

    def event(self, event: pb.GenerateEvent) -> bytes:
        """The frames of an event, behind the opening where it is the first: a caller may ask for any number until then."""
        frames = super().event(event)
        if self._unopened:
            opening = responses.chat_opening(self._head, self._unopened, with_usage=self._with_usage)
            self._unopened = 0
            return frame(opening) + frames
        return frames

    def piece(self, delta: pb.Delta) -> msgspec.Struct:
        """The chunk of a piece."""
        return responses.chat_piece(self._head, delta, with_usage=self._with_usage)

    def end(self, finish: pb.Finish) -> msgspec.Struct:
        """The chunk of a choice's end."""
        return responses.chat_end(self._head, finish, with_usage=self._with_usage)

    def usage(self, event: pb.GenerateEvent) -> msgspec.Struct:
        """The chunk of the usage."""
        return responses.chat_usage(self._head, event.usage)


class TextFrames(Frames):
    """A text completion's events; each choice's characters are counted, for the offsets of log probabilities."""

    def __init__(self, head: responses.Head, *, with_usage: bool) -> None:
        super().__init__(head, with_usage=with_usage)
        self._offsets: dict[int, int] = {}

    def passed(self, delta: pb.Delta) -> None:
        """Counts its characters."""
        self._offsets[delta.index] = self._offsets.get(delta.index, 0) + len(delta.text)

    def piece(self, delta: pb.Delta) -> msgspec.Struct:
        """The chunk of a piece."""
        return responses.text_piece(self._head, delta, self._offsets.get(delta.index, 0), with_usage=self._with_usage)

    def end(self, finish: pb.Finish) -> msgspec.Struct:
        """The chunk of a choice's end."""
        return responses.text_end(self._head, finish, with_usage=self._with_usage)

    def usage(self, event: pb.GenerateEvent) -> msgspec.Struct:
        """The chunk of the usage."""
        return responses.text_usage(self._head, event.usage)
