"""What nginx says when it refuses a call itself: the mesh's own errors, in the words of each surface. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.openai import errors


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is told instead of nginx's own pages for these of its codes."""

    codes: tuple[int, ...]
    error: MeshError

    @property
    def name(self) -> str:
        """Its location's name."""
        return f"@{self.error.reason.name.lower()}_{self.codes[0]}"

    @property
    def http(self) -> int:
        """The status on REST."""
        return self.error.row.http

    @property
    def body(self) -> str:
        """OpenAI's error object."""
        return errors.body(self.error).decode()

    @property
    def headers(self) -> dict[str, str]:
        """What the SDKs act on."""
        return errors.headers(self.error)

    @property
    def grpc(self) -> int:
        """The status on gRPC."""
        code: int = self.error.row.grpc.value[0]
        return code

    @property
    def message(self) -> str:
        """Its message, as gRPC's header carries it."""
        return quote(self.error.message, safe=" ,.;:'()-/")


def _refusal(reason: Reason, message: str, *codes: int, retry_after: float | None = None) -> Refusal:
    return Refusal(codes, MeshError(reason, message, retry_after=retry_after))


REFUSALS = (
    _refusal(Reason.INVALID_REQUEST, "This is no well-formed HTTP request.", 400),
    _refusal(Reason.INVALID_REQUEST, "Only TLS is spoken here: use https.", 497),
    _refusal(Reason.INVALID_KEY, "A client certificate of the mesh's operator is needed here.", 495, 496),
    _refusal(Reason.METHOD_NOT_ALLOWED, "This method is not served here.", 405),
    _refusal(Reason.REQUEST_TOO_LARGE, "The request's body is too large.", 413),
    _refusal(Reason.REQUEST_TOO_LARGE, "The request's head is too large.", 414, 494),
    _refusal(Reason.QUOTA_EXCEEDED, "Too many requests come from this address.", 429, retry_after=1),
    _refusal(Reason.INTERNAL, "Something went wrong at the edge; its log has it under this request id.", 500),
    _refusal(Reason.ENGINE_UNAVAILABLE, "No gateway of the mesh answered; try again shortly.", 502, 503, retry_after=1),
    _refusal(Reason.DEADLINE_EXCEEDED, "The mesh did not answer in time.", 504),
)
