"""The one table of errors, and its way over the wire and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from channels import Connected, Servicer
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from hypothesis import given
from hypothesis import strategies as st
from thinmesh.inference.v1 import error_reason_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from thinmesh_core.errors import TABLE, MeshError, Reason
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_core.status import DETAILS_KEY, MOST_RETRY_SECONDS, from_rpc_error, to_trailer

Connect = Callable[..., Awaitable[Connected]]
REQUEST = pb.GenerateRequest(model="m", text="x")
INFO = any_pb2.Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff")
DAMAGED = status_pb2.Status(code=13, details=[INFO]).SerializeToString()


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
@pytest.mark.parametrize("trailer", [(), ((DETAILS_KEY, b"\xff garbage"),), ((DETAILS_KEY, b""),), ((DETAILS_KEY, DAMAGED),)])
def test_a_foreign_status_keeps_its_meaning_and_not_its_text(code: StatusCode, trailer: tuple[tuple[str, bytes], ...]) -> None:
    back = from_rpc_error(AioRpcError(code, Metadata(), Metadata(*trailer), "secret at 10.0.0.1"))
    assert "secret" not in back.message
    assert back.message


@pytest.mark.parametrize("seconds", [-5, 10**15])
def test_no_peer_is_believed_that_it_comes_back_in_the_past_or_never(seconds: int) -> None:
    told = to_trailer(MeshError(Reason.OVERLOADED, "busy", retry_after=1))[1]
    one, other = (error_details_pb2.RetryInfo(retry_delay={"seconds": count}) for count in (1, seconds))
    status = status_pb2.Status.FromString(told)
    assert status.details[1].Is(one.DESCRIPTOR)
    status.details[1].Pack(other)
    trailer = Metadata((DETAILS_KEY, status.SerializeToString()))
    back = from_rpc_error(AioRpcError(StatusCode.RESOURCE_EXHAUSTED, Metadata(), trailer))
    assert back.retry_after in {0, MOST_RETRY_SECONDS}
    assert from_rpc_error(AioRpcError(back.row.grpc, Metadata(), Metadata(to_trailer(back)))).retry_after == back.retry_after


SMALL = 1000
LONG = pb.GenerateRequest(text="x" * 2 * SMALL)


@pytest.mark.parametrize(
    ("serving", "calling", "what"),
    [
        ({}, {"grpc.max_send_message_length": SMALL}, "request"),
        ({"grpc.max_receive_message_length": SMALL}, {}, "request"),
        ({"grpc.max_send_message_length": SMALL}, {}, "answer"),
        ({}, {"grpc.max_receive_message_length": SMALL}, "answer"),
    ],
)
async def test_what_is_above_a_limit_of_grpc_is_no_call_too_many(
    serving: dict[str, int], calling: dict[str, int], what: str, tmp_path: Path
) -> None:
    class Long(Servicer):
        async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
            return pb.GenerateResponse(choices=[pb.Choice(text="x" * 2 * SMALL)])

    server = grpc.aio.server(options=[*serving.items()])
    inference_grpc.add_InferenceServiceServicer_to_server(Long(), server)
    server.add_insecure_port(f"unix:{tmp_path / 's'}")
    await server.start()
    async with grpc.aio.insecure_channel(f"unix:{tmp_path / 's'}", options=[*calling.items()]) as channel:
        stub: Any = inference_grpc.InferenceServiceStub(channel)
        with pytest.raises(AioRpcError) as raised:
            await stub.Generate(LONG if what == "request" else REQUEST, timeout=10)
    await server.stop(0)
    error = from_rpc_error(raised.value)
    assert (error.reason, what in error.message) == (Reason.REQUEST_TOO_LARGE, True)


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
