"""What became of a line, as OpenAI's output and error files have it. Pure."""

from __future__ import annotations

import msgspec
from thinmesh.gateway.v1 import openai_service_pb2 as pb

EXPIRED = "batch_expired"
CANCELLED = "batch_cancelled"
FAILED = "batch_failed"

WHY = {
    EXPIRED: "The batch's window was over before this request was made.",
    CANCELLED: "The batch was cancelled before this request was made.",
    FAILED: "The batch failed before this request was made.",
}


class Response(msgspec.Struct):
    """What the endpoint answered."""

    status_code: int
    request_id: str
    body: msgspec.Raw


class Error(msgspec.Struct):
    """Why it was never asked."""

    code: str
    message: str


class Given(msgspec.Struct):
    """A line of a file."""

    id: str
    custom_id: str
    response: Response | None
    error: Error | None


class Result(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a line: its number, whether it ended well, and its line of a file."""

    number: int
    well: bool
    line: bytes


def answered(step: str, number: int, custom_id: str, answer: pb.RestAnswer) -> Result:
    """The result of a line that was answered."""
    response = Response(answer.status, step, msgspec.Raw(answer.body))
    return Result(number, answer.status == 200, _line(step, custom_id, response, None))


def missed(step: str, number: int, custom_id: str, code: str) -> Result:
    """The result of a line whose turn never came."""
    return Result(number, False, _line(step, custom_id, None, Error(code, WHY[code])))


def packed(results: list[Result]) -> bytes:
    """Results as one object."""
    return msgspec.msgpack.encode(results)


def unpacked(data: bytes) -> list[Result]:
    """The results of an object."""
    return msgspec.msgpack.decode(data, type=list[Result])


def _line(step: str, custom_id: str, response: Response | None, error: Error | None) -> bytes:
    named = f"batch_req_{step.removeprefix('job-').replace('.', '_')}"
    return msgspec.json.encode(Given(named, custom_id, response, error)) + b"\n"
