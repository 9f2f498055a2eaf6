"""QuotaService: what tenants may use and have used, and a limit that goes before the configuration's for a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from thinmesh.router.v1 import quota_service_pb2 as pb
from thinmesh.router.v1 import quota_service_pb2_grpc as quota_grpc

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_core.ranges import MOST
from thinmesh_router.placement import Placement
from thinmesh_router.quota.plan import Measure, Subject
from thinmesh_router.quota.quotas import Listed, Quotas

Context = grpc.aio.ServicerContext[Any, Any]

HOUR = 3600.0
LONGEST_SECONDS = 31 * 24 * HOUR


class QuotaService(quota_grpc.QuotaServiceServicer):
    """For operators alone: it is served where only they can reach it."""

    def __init__(self, quotas: Quotas, placement: Placement) -> None:
        self._quotas = quotas
        self._placement = placement

    async def ListQuotas(self, request: pb.ListQuotasRequest, context: Context) -> pb.ListQuotasResponse:
        """Every quota in force."""
        await self._quotas.look()
        return pb.ListQuotasResponse(quotas=map(_quota, self._quotas.listed()))

    async def GetQuota(self, request: pb.GetQuotaRequest, context: Context) -> pb.GetQuotaResponse:
        """Those of one tenant; NOT_FOUND where it is not in the configuration."""
        self._known(request.tenant, "tenant")
        await self._quotas.look()
        return pb.GetQuotaResponse(quotas=map(_quota, self._quotas.listed(request.tenant)))

    async def SetQuota(self, request: pb.SetQuotaRequest, context: Context) -> pb.SetQuotaResponse:
        """Another limit, from now on and for a time."""
        quota = request.quota
        self._known(quota.tenant, "quota.tenant")
        if quota.measure not in {one.value for one in Measure}:
            raise invalid("quota.measure", "Say what the quota counts.")
        if quota.HasField("model") and quota.HasField("key"):
            raise invalid("quota.key", "A quota is for one model or for one key, not for both.")
        if quota.limit > MOST:
            raise invalid("quota.limit", f"A limit is at most {MOST}.")
        seconds = request.lasts.seconds + request.lasts.nanos / 1e9 if request.HasField("lasts") else HOUR
        if not 0 < seconds <= LONGEST_SECONDS:
            raise invalid("lasts", "A limit holds for more than nothing and at most 31 days.")
        model = self._placement.table.resolve(quota.model).model if quota.HasField("model") else None
        key = quota.key if quota.HasField("key") else None
        subject = Subject(quota.tenant, model, key, Measure(quota.measure))
        self._quotas.set(subject, quota.limit, seconds)
        return pb.SetQuotaResponse(
            quota=next(_quota(one) for one in self._quotas.listed(quota.tenant) if one.subject == subject)
        )

    def _known(self, tenant: str, param: str) -> None:
        if tenant not in self._quotas.tenants:
            raise MeshError(Reason.NOT_FOUND, f"There is no tenant {tenant!r} in the configuration.", param=param)


def _quota(one: Listed) -> pb.Quota:
    subject = one.subject
    expires = None
    if one.expires_in is not None:
        expires = Duration()
        expires.FromTimedelta(timedelta(seconds=one.expires_in))
    return pb.Quota(
        tenant=subject.tenant,
        model=subject.model,
        key=subject.key,
        measure=pb.Measure.ValueType(subject.measure),
        limit=one.limit,
        used=one.used,
        expires_in=expires,
    )
