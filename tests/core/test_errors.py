"""The one table of errors, and its way over the wire and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from channels import Connected, Servicer
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from hypothesis import given
from hypothesis import strategies as st
from thinmesh.inference.v1 import error_reason_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import TABLE, MeshError, Reason
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_core.status import DETAILS_KEY, from_rpc_error, to_trailer

Connect = Callable[..., Awaitable[Connected]]
REQUEST = pb.GenerateRequest(model="m", text="x")


def test_every_reason_of_the_proto_has_a_row() -> None:
    known = {value for value in error_reason_pb2.ErrorReason.values() if value != error_reason_pb2.ERROR_REASON_UNSPECIFIED}
    assert {reason.value for reason in Reason} == known
    assert set(TABLE) == set(Reason)
    for reason in Reason:
        assert error_reason_pb2.ErrorReason.Name(reason.value) == f"ERROR_REASON_{reason.name}"


@pytest.mark.parametrize("reason", Reason)
def test_a_client_error_is_not_worth_a_retry(reason: Reason) -> None:
    row = TABLE[reason]
    assert not (row.retryable and 400 <= row.http < 500 and row.http != 429)
    assert (row.type == "server_error") == (row.http >= 499)


@given(
    st.sampled_from(Reason),
    st.text(max_size=200),
    st.none() | st.text(min_size=1, max_size=50),
    st.none() | st.integers(0, 10**6).map(lambda ms: ms / 1000),
    st.none() | st.text(min_size=1, max_size=50),
)
def test_an_error_survives_the_wire(
    reason: Reason, message: str, param: str | None, retry_after: float | None, quota: str | None
) -> None:
    left = ("x-ratelimit-remaining-tokens", "7")
    error = MeshError(reason, message, param=param, retry_after=retry_after, quota=quota, headers=(left,))
    trailer = Metadata(("x-other", "1"), *error.headers, to_trailer(error))
    back = from_rpc_error(AioRpcError(error.row.grpc, Metadata(), trailer, message))
    assert (back.reason, back.message, back.param, back.quota, back.headers) == (reason, message, param, quota, (left,))
    assert back.retry_after == pytest.approx(retry_after)


@pytest.mark.parametrize("code", [code for code in StatusCode if code is not StatusCode.OK])
@pytest.mark.parametrize("trailer", [(), ((DETAILS_KEY, b"\xff garbage"),), ((DETAILS_KEY, b""),)])
def test_a_foreign_status_keeps_its_meaning_and_not_its_text(code: StatusCode, trailer: tuple[tuple[str, bytes], ...]) -> None:
    back = from_rpc_error(AioRpcError(code, Metadata(), Metadata(*trailer), "secret at 10.0.0.1"))
    assert "secret" not in back.message
    assert back.message


class Raising(Servicer):
    """Raises what it is given, at once or after one event."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
        raise self.error

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Any) -> AsyncIterator[pb.GenerateEvent]:
        yield pb.GenerateEvent()
        raise self.error


async def failures(connect: Connect, error: BaseException) -> list[AioRpcError]:
    """How the error looks to a unary and to a streaming caller."""
    connected = await connect(Raising(error), [ErrorInterceptor()])
    with pytest.raises(AioRpcError) as unary:
        await connected.stub.Generate(REQUEST, timeout=10)
    call = connected.stub.StreamGenerate(REQUEST, timeout=10)
    assert isinstance(await call.read(), pb.GenerateEvent)
    with pytest.raises(AioRpcError) as stream:
        await call.read()
    return [unary.value, stream.value]


async def test_a_mesh_error_leaves_with_its_details(connect: Connect) -> None:
    error = MeshError(Reason.INVALID_REQUEST, "n is too large.", param="n", retry_after=1.5)
    for seen in await failures(connect, error):
        back = from_rpc_error(seen)
        assert seen.code() is StatusCode.INVALID_ARGUMENT
        assert (back.reason, back.message, back.param, back.retry_after) == (error.reason, error.message, "n", 1.5)


async def test_a_bug_leaves_as_internal_without_its_text(connect: Connect) -> None:
    for seen in await failures(connect, RuntimeError("secret")):
        assert seen.code() is StatusCode.INTERNAL
        assert "secret" not in str(seen.details())
        assert from_rpc_error(seen).reason is Reason.INTERNAL


async def test_a_peers_error_passes_through_a_hop(connect: Connect) -> None:
    error = MeshError(Reason.ENGINE_ERROR, "The engine failed.")
    peers = AioRpcError(error.row.grpc, Metadata(), Metadata(to_trailer(error)), error.message)
    for seen in await failures(connect, peers):
        assert from_rpc_error(seen).reason is Reason.ENGINE_ERROR
