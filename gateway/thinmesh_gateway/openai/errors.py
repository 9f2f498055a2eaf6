"""MeshError as OpenAI's error object, with the headers that the SDKs act on. Pure."""

from __future__ import annotations

import math

import msgspec

from thinmesh_core.errors import MeshError


class Error(msgspec.Struct):
    """What went wrong; all four keys are always there."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(msgspec.Struct):
    """The body of an answer that is an error, and of an event that ends a stream in one."""

    error: Error


def body(error: MeshError) -> bytes:
    """The JSON text of the error."""
    row = error.row
    return msgspec.json.encode(ErrorBody(Error(error.message, row.type, error.param, row.code)))


def headers(error: MeshError) -> dict[str, str]:
    """When to try again, if at all."""
    told = {"x-should-retry": "true" if error.row.retryable else "false"}
    if error.retry_after is not None:
        told["retry-after"] = str(math.ceil(error.retry_after))
        told["retry-after-ms"] = str(round(error.retry_after * 1000))
    return told
