"""A stream keeps to the contract, or ends at the first event that does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.rules import StreamRules

STOP = pb.FINISH_REASON_STOP


def said(index: int = 0) -> pb.GenerateEvent:
    return pb.GenerateEvent(deltas=[pb.Delta(index=index, text="x")])


def ended(*indices: int, usage: bool = False, reason: pb.FinishReason.ValueType = STOP) -> pb.GenerateEvent:
    finishes = [pb.Finish(index=index, reason=reason) for index in indices]
    return pb.GenerateEvent(finishes=finishes, usage=usage_pb2.Usage() if usage else None)


def play(events: list[pb.GenerateEvent], choices: int) -> None:
    rules = StreamRules(choices)
    for event in events:
        rules.check(event)
    rules.end()


@pytest.mark.parametrize(
    ("events", "choices"),
    [
        ([ended(0, usage=True)], 1),
        ([said(), said(), ended(0), ended(usage=True)], 1),
        ([said(1), said(0), ended(1), said(0), ended(0, usage=True)], 2),
        ([pb.GenerateEvent(deltas=said().deltas, finishes=ended(0).finishes, usage=usage_pb2.Usage())], 1),
    ],
)
def test_a_stream_in_order_passes(events: list[pb.GenerateEvent], choices: int) -> None:
    play(events, choices)


@pytest.mark.parametrize(
    ("events", "choices"),
    [
        ([], 1),
        ([said()], 1),
        ([said(), ended(0)], 1),
        ([said(), ended(usage=True)], 1),
        ([ended(0), ended(0), ended(usage=True)], 1),
        ([ended(0), said(), ended(usage=True)], 1),
        ([ended(0, usage=True), said()], 1),
        ([ended(0, usage=True), ended(usage=True)], 1),
        ([said(1), ended(0, usage=True)], 1),
        ([ended(0, usage=True)], 2),
        ([ended(0, usage=True, reason=pb.FINISH_REASON_UNSPECIFIED)], 1),
    ],
)
def test_a_stream_out_of_order_is_the_engines_fault(events: list[pb.GenerateEvent], choices: int) -> None:
    with pytest.raises(MeshError) as raised:
        play(events, choices)
    assert raised.value.reason is Reason.ENGINE_PROTOCOL


@given(st.lists(st.integers(0, 3)), st.permutations(range(4)))
def test_any_order_of_pieces_before_their_finishes_passes(pieces: list[int], finishes: list[int]) -> None:
    play([*(said(index) for index in pieces), *(ended(index) for index in finishes), ended(usage=True)], 4)
