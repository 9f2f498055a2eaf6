"""The one table of errors, and the exception that carries a row of it through the mesh."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from grpc import StatusCode
from thinmesh.inference.v1 import error_reason_pb2 as pb


class Reason(Enum):
    """Why a call failed; the values are those of `thinmesh.inference.v1.ErrorReason`."""

    INVALID_REQUEST = pb.ERROR_REASON_INVALID_REQUEST
    CAPABILITY_MISSING = pb.ERROR_REASON_CAPABILITY_MISSING
    INVALID_KEY = pb.ERROR_REASON_INVALID_KEY
    MODEL_NOT_FOUND = pb.ERROR_REASON_MODEL_NOT_FOUND
    NOT_FOUND = pb.ERROR_REASON_NOT_FOUND
    METHOD_NOT_ALLOWED = pb.ERROR_REASON_METHOD_NOT_ALLOWED
    REQUEST_TOO_LARGE = pb.ERROR_REASON_REQUEST_TOO_LARGE
    CONTEXT_LENGTH_EXCEEDED = pb.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED
    BACKEND_FULL = pb.ERROR_REASON_BACKEND_FULL
    OVERLOADED = pb.ERROR_REASON_OVERLOADED
    NO_BACKEND = pb.ERROR_REASON_NO_BACKEND
    ENGINE_UNAVAILABLE = pb.ERROR_REASON_ENGINE_UNAVAILABLE
    ENGINE_ERROR = pb.ERROR_REASON_ENGINE_ERROR
    ENGINE_PROTOCOL = pb.ERROR_REASON_ENGINE_PROTOCOL
    DEADLINE_EXCEEDED = pb.ERROR_REASON_DEADLINE_EXCEEDED
    CANCELLED = pb.ERROR_REASON_CANCELLED
    DRAINING = pb.ERROR_REASON_DRAINING
    INTERNAL = pb.ERROR_REASON_INTERNAL
    TOO_MANY_HOPS = pb.ERROR_REASON_TOO_MANY_HOPS
    QUOTA_EXCEEDED = pb.ERROR_REASON_QUOTA_EXCEEDED
    SPEND_EXCEEDED = pb.ERROR_REASON_SPEND_EXCEEDED
    QUOTA_UNAVAILABLE = pb.ERROR_REASON_QUOTA_UNAVAILABLE
    IDEMPOTENCY_CONFLICT = pb.ERROR_REASON_IDEMPOTENCY_CONFLICT
    IDEMPOTENCY_UNAVAILABLE = pb.ERROR_REASON_IDEMPOTENCY_UNAVAILABLE
    PERMISSION_DENIED = pb.ERROR_REASON_PERMISSION_DENIED
    IDENTITY_UNAVAILABLE = pb.ERROR_REASON_IDENTITY_UNAVAILABLE
    JOBS_UNAVAILABLE = pb.ERROR_REASON_JOBS_UNAVAILABLE
    CONTENT_DENIED = pb.ERROR_REASON_CONTENT_DENIED
    GUARDRAIL_UNAVAILABLE = pb.ERROR_REASON_GUARDRAIL_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Row:
    """How one reason looks on each surface. `code` null in OpenAI's object means there is nothing finer to say."""

    grpc: StatusCode
    http: int
    type: str
    code: str | None
    retryable: bool = False


_REQUEST = "invalid_request_error"
_SERVER = "server_error"

TABLE: dict[Reason, Row] = {
    Reason.INVALID_REQUEST: Row(StatusCode.INVALID_ARGUMENT, 400, _REQUEST, None),
    Reason.CAPABILITY_MISSING: Row(StatusCode.UNIMPLEMENTED, 400, _REQUEST, "capability_missing"),
    Reason.INVALID_KEY: Row(StatusCode.UNAUTHENTICATED, 401, "authentication_error", "invalid_api_key"),
    Reason.MODEL_NOT_FOUND: Row(StatusCode.NOT_FOUND, 404, _REQUEST, "model_not_found"),
    Reason.NOT_FOUND: Row(StatusCode.NOT_FOUND, 404, _REQUEST, "not_found"),
    Reason.METHOD_NOT_ALLOWED: Row(StatusCode.UNIMPLEMENTED, 405, _REQUEST, "method_not_allowed"),
    Reason.REQUEST_TOO_LARGE: Row(StatusCode.RESOURCE_EXHAUSTED, 413, _REQUEST, "request_too_large"),
    Reason.CONTEXT_LENGTH_EXCEEDED: Row(StatusCode.INVALID_ARGUMENT, 400, _REQUEST, "context_length_exceeded"),
    Reason.BACKEND_FULL: Row(StatusCode.RESOURCE_EXHAUSTED, 503, _SERVER, "overloaded", retryable=True),
    Reason.OVERLOADED: Row(StatusCode.RESOURCE_EXHAUSTED, 503, _SERVER, "overloaded", retryable=True),
    Reason.NO_BACKEND: Row(StatusCode.UNAVAILABLE, 503, _SERVER, "no_backend", retryable=True),
    Reason.ENGINE_UNAVAILABLE: Row(StatusCode.UNAVAILABLE, 502, _SERVER, "engine_unavailable", retryable=True),
    Reason.ENGINE_ERROR: Row(StatusCode.INTERNAL, 502, _SERVER, "engine_error"),
    Reason.ENGINE_PROTOCOL: Row(StatusCode.INTERNAL, 502, _SERVER, "engine_protocol"),
    Reason.DEADLINE_EXCEEDED: Row(StatusCode.DEADLINE_EXCEEDED, 504, _SERVER, "deadline_exceeded"),
    Reason.CANCELLED: Row(StatusCode.CANCELLED, 499, _SERVER, "cancelled"),
    Reason.DRAINING: Row(StatusCode.UNAVAILABLE, 503, _SERVER, "draining", retryable=True),
    Reason.INTERNAL: Row(StatusCode.INTERNAL, 500, _SERVER, "internal_error"),
    Reason.TOO_MANY_HOPS: Row(StatusCode.FAILED_PRECONDITION, 508, _SERVER, "too_many_hops"),
    Reason.QUOTA_EXCEEDED: Row(StatusCode.RESOURCE_EXHAUSTED, 429, "rate_limit_error", "rate_limit_exceeded", retryable=True),
    Reason.SPEND_EXCEEDED: Row(StatusCode.RESOURCE_EXHAUSTED, 429, "insufficient_quota", "insufficient_quota"),
    Reason.QUOTA_UNAVAILABLE: Row(StatusCode.UNAVAILABLE, 503, _SERVER, "quota_unavailable", retryable=True),
    Reason.IDEMPOTENCY_CONFLICT: Row(StatusCode.ALREADY_EXISTS, 409, _REQUEST, "idempotency_conflict"),
    Reason.IDEMPOTENCY_UNAVAILABLE: Row(StatusCode.UNAVAILABLE, 503, _SERVER, "idempotency_unavailable", retryable=True),
    Reason.PERMISSION_DENIED: Row(StatusCode.PERMISSION_DENIED, 403, "permission_error", "permission_denied"),
    Reason.IDENTITY_UNAVAILABLE: Row(StatusCode.UNAVAILABLE, 503, _SERVER, "identity_unavailable", retryable=True),
    Reason.JOBS_UNAVAILABLE: Row(StatusCode.UNAVAILABLE, 503, _SERVER, "jobs_unavailable", retryable=True),
    Reason.CONTENT_DENIED: Row(StatusCode.INVALID_ARGUMENT, 400, _REQUEST, "content_filter"),
    Reason.GUARDRAIL_UNAVAILABLE: Row(StatusCode.UNAVAILABLE, 503, _SERVER, "guardrail_unavailable", retryable=True),
}

# What a status that came without our details means: it is gRPC's own, or a foreign adapter's.
BY_CODE: dict[StatusCode, Reason] = {
    StatusCode.INVALID_ARGUMENT: Reason.INVALID_REQUEST,
    StatusCode.OUT_OF_RANGE: Reason.INVALID_REQUEST,
    StatusCode.UNAUTHENTICATED: Reason.INVALID_KEY,
    StatusCode.PERMISSION_DENIED: Reason.PERMISSION_DENIED,
    StatusCode.NOT_FOUND: Reason.MODEL_NOT_FOUND,
    StatusCode.UNIMPLEMENTED: Reason.CAPABILITY_MISSING,
    StatusCode.RESOURCE_EXHAUSTED: Reason.BACKEND_FULL,
    StatusCode.UNAVAILABLE: Reason.ENGINE_UNAVAILABLE,
    StatusCode.DEADLINE_EXCEEDED: Reason.DEADLINE_EXCEEDED,
    StatusCode.CANCELLED: Reason.CANCELLED,
}

MAX_MESSAGE_BYTES = 512
MAX_PARAM_BYTES = 256


class MeshError(Exception):
    """A call's failure. `message` is shown to the caller: it names the fix, never an engine's words, an address or a key.

    `param` is the request's field at fault; `retry_after` is in seconds; `quota` names the quota that is used up;
    `headers` is what the caller is told beside, such as what is left of its quotas. What repeats the caller's own words is
    cut short: an error travels as metadata, three times over.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        quota: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = _short(message, MAX_MESSAGE_BYTES)
        self.param = None if param is None else _short(param, MAX_PARAM_BYTES)
        self.retry_after = retry_after
        self.quota = quota
        self.headers = headers

    @property
    def row(self) -> Row:
        """How this error looks on each surface."""
        return TABLE[self.reason]


def invalid(param: str, message: str) -> MeshError:
    """An INVALID_REQUEST that names the field at fault."""
    return MeshError(Reason.INVALID_REQUEST, message, param=param)


def internal() -> MeshError:
    """What a caller is told of a fault of the mesh itself; the cause goes to the log."""
    return MeshError(Reason.INTERNAL, "Something went wrong inside the mesh; the log has it under this request id.")


def _short(text: str, most: int) -> str:
    data = text.encode(errors="replace")
    return text if len(data) <= most else f"{data[: most - 3].decode(errors='ignore')}..."
