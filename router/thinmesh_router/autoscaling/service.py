"""AutoscaleService: what is wanted of a model and why, for operators."""

from __future__ import annotations

from math import inf
from typing import Any

import grpc
from thinmesh.router.v1 import autoscale_service_pb2 as pb
from thinmesh.router.v1 import autoscale_service_pb2_grpc as autoscale_grpc

from thinmesh_router.autoscaling.autoscaler import Autoscaler

Context = grpc.aio.ServicerContext[Any, Any]


class AutoscaleService(autoscale_grpc.AutoscaleServiceServicer):
    """For operators alone: it is served where only they can reach it."""

    def __init__(self, autoscaler: Autoscaler) -> None:
        self._autoscaler = autoscaler

    async def GetDecision(self, request: pb.GetDecisionRequest, context: Context) -> pb.GetDecisionResponse:
        """What is wanted of one model."""
        scaled = await self._autoscaler.decided(request.model)
        figures = scaled.figures
        assert figures is not None  # it has begun
        decision = pb.Decision(
            model=scaled.route.model,
            wanted=scaled.decision.wanted,
            replicas=figures.replicas,
            minimum=scaled.config.minimum,
            maximum=scaled.maximum,
            running=figures.running,
            waiting=figures.waiting,
            slots=figures.slots,
            wait_seconds=figures.wait,
            idle_seconds=None if figures.idle == inf else figures.idle,
            partial=figures.partial,
            other_routers=figures.others,
            why=scaled.decision.why,
        )
        return pb.GetDecisionResponse(decision=decision)
