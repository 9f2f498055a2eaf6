"""MeshError as google.rpc.Status on the wire, and back."""

from __future__ import annotations

import re

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode
from grpc.aio import AioRpcError

from thinmesh_core.call import told
from thinmesh_core.errors import BY_CODE, MeshError, Reason
from thinmesh_core.wire import MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES

DETAILS_KEY = "grpc-status-details-bin"
DOMAIN = "thinmesh"

MOST_RETRY_SECONDS = 86_400.0
"""More than this no peer is believed."""


def to_trailer(error: MeshError) -> tuple[str, bytes]:
    """The trailing metadata that carries `error` as google.rpc.Status: ErrorInfo, and BadRequest, QuotaFailure, RetryInfo."""
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=error.reason.name, domain=DOMAIN)]
    if error.param is not None:
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.param, description=error.message)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.quota is not None:
        used_up = error_details_pb2.QuotaFailure.Violation(subject=error.quota, description=error.message)
        details.append(error_details_pb2.QuotaFailure(violations=[used_up]))
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(error.retry_after * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    status = status_pb2.Status(code=_number(error.row.grpc), message=error.message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return DETAILS_KEY, status.SerializeToString()


def from_rpc_error(rpc_error: AioRpcError) -> MeshError:
    """The MeshError that a peer sent; a status without our details keeps its meaning but not its text.

    gRPC says of a message above its limit what an adapter says of a call too many. The one would be the same every time.
    """
    for key, value in rpc_error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            error = _parse(value)
            if error is not None:
                error.headers = told(rpc_error.trailing_metadata())
                return error
    reason = BY_CODE.get(rpc_error.code(), Reason.ENGINE_ERROR)
    if reason is Reason.BACKEND_FULL and (found := _ABOVE_LIMIT.search(rpc_error.details() or "")) is not None:
        return MeshError(Reason.REQUEST_TOO_LARGE, _TOO_LARGE[found[1]])
    return MeshError(reason, _FOREIGN.get(reason, "A part of the mesh reported a failure."))


def lost(rpc_error: AioRpcError) -> bool:
    """Whether the peer itself is gone: the transport says so, and not a part of the mesh."""
    if rpc_error.code() is not StatusCode.UNAVAILABLE:
        return False
    return all(key != DETAILS_KEY for key, _ in rpc_error.trailing_metadata() or ())


_FOREIGN = {
    Reason.INVALID_REQUEST: "The model's adapter refused the request.",
    Reason.INVALID_KEY: "The key was refused.",
    Reason.MODEL_NOT_FOUND: "The model does not exist.",
    Reason.CAPABILITY_MISSING: "The model can't do what was asked.",
    Reason.BACKEND_FULL: "The model is busy; try again shortly.",
    Reason.ENGINE_UNAVAILABLE: "The model can't be reached; try again shortly.",
    Reason.DEADLINE_EXCEEDED: "The deadline passed before the answer was complete.",
    Reason.CANCELLED: "The call was cancelled.",
}


_ABOVE_LIMIT = re.compile(r"(CLIENT: Sent|CLIENT: Received|SERVER: Sent|SERVER: Received) message larger than max")

_TOO_LARGE = dict.fromkeys(
    ("CLIENT: Sent", "SERVER: Received"), f"The request comes to more than {MAX_REQUEST_BYTES} bytes inside the mesh."
) | dict.fromkeys(
    ("SERVER: Sent", "CLIENT: Received"), f"The answer is larger than {MAX_RESPONSE_BYTES} bytes: ask for less of it at once."
)


def _parse(value: bytes) -> MeshError | None:
    """What a peer's details say; None where they are not ours, or garbage."""
    try:
        return _told(status_pb2.Status.FromString(value))
    except DecodeError:
        return None


def _told(status: status_pb2.Status) -> MeshError | None:
    reason: Reason | None = None
    param: str | None = None
    retry_after: float | None = None
    quota: str | None = None
    for detail in status.details:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        used_up, retry = error_details_pb2.QuotaFailure(), error_details_pb2.RetryInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            reason = Reason.__members__.get(info.reason)
        elif detail.Unpack(bad) and bad.field_violations:
            param = bad.field_violations[0].field
        elif detail.Unpack(used_up) and used_up.violations:
            quota = used_up.violations[0].subject
        elif detail.Unpack(retry):
            retry_after = min(max(retry.retry_delay.ToNanoseconds() / 1e9, 0.0), MOST_RETRY_SECONDS)
    if reason is None:
        return None
    return MeshError(reason, status.message, param=param, retry_after=retry_after, quota=quota)


def _number(code: StatusCode) -> int:
    number: int = code.value[0]
    return number
