"""One choice of an answer: plain text in, deltas of the contract out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.text.reasoning import Reasoning
from thinmesh_adapters.text.stops import Stops
from thinmesh_adapters.text.tools import Piece, ToolParser


class TextAnswer:
    """Text cut at its stops, thoughts and calls told apart from it. Without a parser nothing is read as a call."""

    def __init__(
        self, index: int, stops: Sequence[str], *, reasoning: Reasoning | None = None, tools: ToolParser | None = None
    ) -> None:
        self.called = False
        """Whether a call was made."""
        self.passed = 0
        """Characters that came through, thoughts and calls among them; not what the stops hold or cut."""
        self._index = index
        self._stops = Stops(stops)
        self._reasoning = reasoning
        self._tools = tools

    @property
    def stopped(self) -> bool:
        """Whether a stop text was met; what comes after it is not the answer's."""
        return self._stops.hit is not None

    def feed(self, text: str, *, stoppable: bool = True) -> pb.Delta | None:
        """What this text adds. No stop is looked for in what is not `stoppable`."""
        return self._split(self._stops.feed(text) if stoppable else text)

    def end(self) -> pb.Delta | None:
        """What was held back."""
        delta = self._split(self._stops.end()) or pb.Delta(index=self._index)
        if self._reasoning is not None:
            rest = self._reasoning.end()
            delta.reasoning += rest.reasoning
            self._said(delta, rest.text)
        if self._tools is not None:
            self._add(delta, self._tools.end())
        return _unless_empty(delta)

    def _split(self, text: str) -> pb.Delta | None:
        delta = pb.Delta(index=self._index)
        self.passed += len(text)
        if self._reasoning is not None:
            delta.reasoning, text = self._reasoning.feed(text)
        self._said(delta, text)
        return _unless_empty(delta)

    def _said(self, delta: pb.Delta, text: str) -> None:
        if self._tools is None:
            delta.text += text
        else:
            self._add(delta, self._tools.feed(text))

    def _add(self, delta: pb.Delta, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if isinstance(piece, str):
                delta.text += piece
            else:
                self.called = True
                delta.tool_calls.add(index=piece.index, id=piece.id, name=piece.name, arguments_json=piece.arguments)


def _unless_empty(delta: pb.Delta) -> pb.Delta | None:
    return delta if delta.text or delta.reasoning or delta.tool_calls else None
