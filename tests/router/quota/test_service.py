"""QuotaService: listed, got and set, and what is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from grpc.aio import AioRpcError
from thinmesh.router.v1 import quota_service_pb2 as pb
from thinmesh.router.v1 import quota_service_pb2_grpc as quota_grpc

from fakes.adapter import reason
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_core.status import from_rpc_error
from thinmesh_core.tenants import QuotaConfig, TenantConfig
from thinmesh_router.backends import Backends
from thinmesh_router.config import ModelConfig
from thinmesh_router.placement import Placement
from thinmesh_router.quota.local import LocalCounts
from thinmesh_router.quota.quotas import Quotas
from thinmesh_router.quota.service import QuotaService
from thinmesh_router.routes import RouteTable

TENANTS = {
    "b": TenantConfig(quota=QuotaConfig(requests_per_minute=5, input_tokens=9)),
    "a": TenantConfig(models={"m": QuotaConfig(spend_per_month=2.5)}),
}
TOKENS = pb.Quota(tenant="a", measure=pb.MEASURE_TOKENS_PER_DAY, limit=7)
SECONDS = 5.0
Set = Callable[..., Awaitable[pb.SetQuotaResponse]]


@pytest.fixture
async def stub() -> Any:
    server = InProcessServer("router", [ErrorInterceptor()])
    table = RouteTable({"m": ModelConfig(backends=("b",), aliases=("alias",))}, ["b"])
    placement = Placement(table, Backends({}, lambda _: InProcessChannel(server), Random(0)), Random(0))
    quota_grpc.add_QuotaServiceServicer_to_server(QuotaService(Quotas(TENANTS, {}, LocalCounts()), placement), server)
    return quota_grpc.QuotaServiceStub(InProcessChannel(server))


async def test_quotas_are_listed_by_tenant_with_what_is_used(stub: Any) -> None:
    found = (await stub.ListQuotas(pb.ListQuotasRequest(), timeout=SECONDS)).quotas
    assert [(one.tenant, one.model, one.measure, one.limit, one.HasField("used")) for one in found] == [
        ("a", "m", pb.MEASURE_SPEND_PER_MONTH, 2_500_000, True),
        ("b", "", pb.MEASURE_REQUESTS_PER_MINUTE, 5, True),
        ("b", "", pb.MEASURE_INPUT_TOKENS, 9, False),
    ]
    assert (await stub.GetQuota(pb.GetQuotaRequest(tenant="b"), timeout=SECONDS)).quotas == found[1:]


async def test_a_limit_is_set_for_an_hour_unless_it_is_said(stub: Any) -> None:
    told = (await stub.SetQuota(pb.SetQuotaRequest(quota=TOKENS), timeout=SECONDS)).quota
    assert told.expires_in.ToSeconds() in {3599, 3600}
    lasts = Duration(seconds=60)
    told = (await stub.SetQuota(pb.SetQuotaRequest(quota=TOKENS, lasts=lasts), timeout=SECONDS)).quota
    assert (told.limit, told.expires_in.ToSeconds() in {59, 60}) == (7, True)


async def test_a_limit_for_an_alias_is_its_models(stub: Any) -> None:
    quota = pb.Quota(tenant="a", model="alias", measure=pb.MEASURE_TOKENS_PER_DAY, limit=7)
    assert (await stub.SetQuota(pb.SetQuotaRequest(quota=quota), timeout=SECONDS)).quota.model == "m"


@pytest.mark.parametrize(
    ("request_", "why", "param"),
    [
        (pb.SetQuotaRequest(quota=pb.Quota(tenant="z")), "NOT_FOUND", "quota.tenant"),
        (pb.SetQuotaRequest(quota=pb.Quota(tenant="a")), "INVALID_REQUEST", "quota.measure"),
        (pb.SetQuotaRequest(quota=pb.Quota(tenant="a", measure=77)), "INVALID_REQUEST", "quota.measure"),  # type: ignore[arg-type]
        (
            pb.SetQuotaRequest(quota=pb.Quota(tenant="a", measure=pb.MEASURE_TOKENS_PER_DAY, model="m", key="k")),
            "INVALID_REQUEST",
            "quota.key",
        ),
        (pb.SetQuotaRequest(quota=pb.Quota(tenant="a", measure=1, model="nope")), "MODEL_NOT_FOUND", "model"),  # type: ignore[arg-type]
        (pb.SetQuotaRequest(quota=pb.Quota(tenant="a", measure=1, limit=2**64 - 1)), "INVALID_REQUEST", "quota.limit"),  # type: ignore[arg-type]
        (pb.SetQuotaRequest(quota=TOKENS, lasts=Duration(seconds=2**62)), "INVALID_REQUEST", "lasts"),
        (pb.SetQuotaRequest(quota=TOKENS, lasts=Duration(seconds=0)), "INVALID_REQUEST", "lasts"),
        (pb.SetQuotaRequest(quota=TOKENS, lasts=Duration(seconds=32 * 86400)), "INVALID_REQUEST", "lasts"),
    ],
)
async def test_what_makes_no_sense_names_the_field(stub: Any, request_: pb.SetQuotaRequest, why: str, param: str) -> None:
    with pytest.raises(AioRpcError) as raised:
        await stub.SetQuota(request_, timeout=SECONDS)
    assert (reason(raised.value), from_rpc_error(raised.value).param) == (why, param)
