"""KEDA's ExternalScaler: how many replicas a model should have, as KEDA asks for it.

Its metric is the number that is wanted and its target 1, so that Kubernetes' own autoscaler comes to the same number.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc
from thinmesh.third_party.keda import externalscaler_pb2 as pb
from thinmesh.third_party.keda import externalscaler_pb2_grpc as keda_grpc

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_router.autoscaling.autoscaler import Autoscaler

Context = grpc.aio.ServicerContext[Any, Any]

MODEL = "model"
"""The key of a trigger's metadata that names the model."""

METRIC = "wanted-replicas"

MOST_WATCHES = 1000
"""Streams at once; KEDA opens one for each ScaledObject."""


class ExternalScaler(keda_grpc.ExternalScalerServicer):
    """What KEDA asks for a ScaledObject whose trigger names a model."""

    def __init__(self, autoscaler: Autoscaler) -> None:
        self._autoscaler = autoscaler
        self._watches = 0

    async def IsActive(self, request: pb.ScaledObjectRef, context: Context) -> pb.IsActiveResponse:
        """Whether the model is to have any replica."""
        return pb.IsActiveResponse(result=(await self._autoscaler.decided(_model(request))).active)

    async def StreamIsActive(self, request: pb.ScaledObjectRef, context: Context) -> AsyncGenerator[pb.IsActiveResponse, None]:
        """The same, told at once when a call comes for a model that has none."""
        if self._watches >= MOST_WATCHES:
            raise MeshError(Reason.OVERLOADED, f"{MOST_WATCHES} streams are open already.", retry_after=60)
        self._watches += 1
        try:
            async with aclosing(self._autoscaler.watch(_model(request))) as told:
                async for active in told:
                    yield pb.IsActiveResponse(result=active)
        finally:
            self._watches -= 1

    async def GetMetricSpec(self, request: pb.ScaledObjectRef, context: Context) -> pb.GetMetricSpecResponse:
        """The one metric there is."""
        self._autoscaler.scaled(_model(request))
        return pb.GetMetricSpecResponse(metricSpecs=[pb.MetricSpec(metricName=METRIC, targetSize=1, targetSizeFloat=1.0)])

    async def GetMetrics(self, request: pb.GetMetricsRequest, context: Context) -> pb.GetMetricsResponse:
        """How many replicas are wanted now."""
        if request.metricName != METRIC:
            raise invalid("metricName", f"The one metric is {METRIC!r}.")
        wanted = (await self._autoscaler.decided(_model(request.scaledObjectRef))).decision.wanted
        value = pb.MetricValue(metricName=METRIC, metricValue=wanted, metricValueFloat=float(wanted))
        return pb.GetMetricsResponse(metricValues=[value])


def _model(ref: pb.ScaledObjectRef) -> str:
    model = ref.scalerMetadata.get(MODEL)
    if not model:
        raise invalid("scalerMetadata", f"The trigger's metadata has to name the model: `{MODEL}: NAME`.")
    return model
