"""What a stream of events must keep to, whoever sends it. Pure."""

from __future__ import annotations

from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason


class StreamRules:
    """One stream of `choices` choices: pieces, then exactly one finish for each; the usage last, and nothing after it."""

    __slots__ = ("_choices", "_ended", "_open", "fresh")

    def __init__(self, choices: int) -> None:
        self._choices = choices
        self._open = set(range(choices))
        self._ended = False
        self.fresh = True
        """Whether no event has been checked yet."""

    def check(self, event: pb.GenerateEvent) -> None:
        """ENGINE_PROTOCOL for the first event that breaks a rule."""
        self.fresh = False
        if self._ended:
            raise _broken("went on after its usage")
        for delta in event.deltas[:]:  # a list: the end of a repeated field, also of an empty one, costs half a microsecond
            if delta.index not in self._open:
                raise _broken(self._stray(delta.index))
        for finish in event.finishes[:]:
            if finish.index not in self._open:
                raise _broken(self._stray(finish.index))
            if finish.reason == pb.FINISH_REASON_UNSPECIFIED:
                raise _broken("ended for no reason")
            self._open.discard(finish.index)
        self._ended = event.HasField("usage")

    def end(self) -> None:
        """ENGINE_PROTOCOL where the stream ends before it is whole."""
        if self._open or not self._ended:
            raise _broken("ended its answer without an end")

    @property
    def unfinished(self) -> list[int]:
        """The choices that have no finish yet."""
        return sorted(self._open)

    def _stray(self, index: int) -> str:
        return "went on after a finish" if index < self._choices else "answered a choice that was not asked for"


def _broken(what: str) -> MeshError:
    return MeshError(Reason.ENGINE_PROTOCOL, f"The model's engine {what}.")
