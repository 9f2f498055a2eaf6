"""A line of a batch: it waits while the mesh has too much to do, and what fails otherwise has some tries."""

from __future__ import annotations

import json

import grpc
import pytest
from pipelines.failing import LOST, TOO_LARGE, TOO_LATE, explained, unexplained
from thinmesh.gateway.v1 import openai_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.priority import Priority
from thinmesh_pipelines.batches import asking as module
from thinmesh_pipelines.batches.asking import Asking
from thinmesh_pipelines.endpoints import refused
from thinmesh_pipelines.job import Owner
from thinmesh_pipelines.patience import TRIES

OWNER = Owner("acme", "somebody", (), key=True, priority=Priority.BATCH)
DONE = pb.RestAnswer(status=200, body=b"{}")
BUSY = refused(MeshError(Reason.OVERLOADED, "busy", retry_after=0.5))
ENOUGH = 3 * TRIES


class Gateway:
    """Ends each call as it is told to, the last way for ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *ends: grpc.aio.AioRpcError | pb.RestAnswer) -> None:
        self.asked = 0
        self._ends = ends
        monkeypatch.setattr(module, "asking", lambda gateway, endpoint, body: (self._answer, None))
        monkeypatch.setattr(module, "LONGEST_PAUSE", 0.0)

    async def _answer(self, request: None, **_: object) -> pb.ChatResponse:
        end = self._ends[min(self.asked, len(self._ends) - 1)]
        self.asked += 1
        if isinstance(end, grpc.aio.AioRpcError):
            raise end
        return pb.ChatResponse(answer=end)


async def answer() -> pb.RestAnswer:
    channel = InProcessChannel(InProcessServer("gateway"))
    return await Asking(channel, 1.0).answer(OWNER, "job-1.1", "/v1/embeddings", b"{}")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TOO_LATE, Reason.DEADLINE_EXCEEDED),
        (TOO_LARGE, Reason.ENGINE_UNAVAILABLE),
        (unexplained(grpc.StatusCode.CANCELLED), Reason.CANCELLED),
        (explained(Reason.ENGINE_UNAVAILABLE), Reason.ENGINE_UNAVAILABLE),
        (explained(Reason.DEADLINE_EXCEEDED), Reason.DEADLINE_EXCEEDED),
    ],
)
async def test_a_line_whose_calls_fail_is_asked_five_times(
    monkeypatch: pytest.MonkeyPatch, error: grpc.aio.AioRpcError, reason: Reason
) -> None:
    gateway = Gateway(monkeypatch, *[error] * ENOUGH, DONE)
    told = await answer()
    assert (gateway.asked, Reason(told.reason)) == (TRIES, reason)
    row = MeshError(reason, "").row
    assert (told.status, json.loads(told.body)["error"]["type"]) == (row.http, row.type)


@pytest.mark.parametrize("end", [LOST, BUSY, explained(Reason.OVERLOADED), explained(Reason.QUOTA_EXCEEDED)])
async def test_a_line_waits_while_the_mesh_is_gone_or_has_too_much_to_do(
    monkeypatch: pytest.MonkeyPatch, end: grpc.aio.AioRpcError | pb.RestAnswer
) -> None:
    gateway = Gateway(monkeypatch, *[end] * ENOUGH, DONE)
    assert await answer() == DONE
    assert gateway.asked == ENOUGH + 1


@pytest.mark.parametrize("error", [explained(Reason.PERMISSION_DENIED), explained(Reason.SPEND_EXCEEDED)])
async def test_an_owner_who_may_not_go_on_ends_the_batch(monkeypatch: pytest.MonkeyPatch, error: grpc.aio.AioRpcError) -> None:
    gateway = Gateway(monkeypatch, error)
    with pytest.raises(MeshError, match="The mesh says so"):
        await answer()
    assert gateway.asked == 1
