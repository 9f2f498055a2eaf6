"""What thinmesh.yaml says of the edge. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from thinmesh_core.config import Section
from thinmesh_core.ranges import Concurrency, Seconds
from thinmesh_core.wire import MAX_REQUEST_BYTES

Bytes = Annotated[int, Meta(ge=1024, le=MAX_REQUEST_BYTES)]
Rate = Annotated[int, Meta(ge=1, le=1_000_000)]

HEADER_BYTES = 8 * 1024
"""What a head may have: above what gateways take, so that it is they who say what is too much."""

IDLE_SECONDS = 1
"""How long a connection to a gateway is kept without use: less than gateways keep it, or a call would meet its end."""

REUSE_SECONDS = 2
"""How long it is used again and again."""

KEPT_SECONDS = IDLE_SECONDS + REUSE_SECONDS
"""A gateway that takes no new connections gets no new calls after that."""


class Behind(Section, frozen=True, kw_only=True):
    """A gateway that the edge sends calls to: where its REST and its gRPC listen."""

    http: str
    grpc: str


class EdgeConfig(Section, frozen=True, kw_only=True):
    """nginx in front of the gateways: where strangers reach it, who it is to them, and what each of them may ask of it.

    `client_authority` demands a certificate of every caller. Without `gateways` there is the one of `listen`. An address may
    make `requests_per_second`, with `burst` more at a time, and `calls_per_address` at once, all together `calls`. A caller
    has `slow_seconds` for its head, for each next piece of a body, and to take a piece of an answer. `folder` is for nginx's
    own files, `access_log` a file, or `off`; both are in the state folder unless said. `user` is who nginx becomes where root
    starts it.
    """

    http: str = "0.0.0.0:8443"
    grpc: str = "0.0.0.0:8444"
    certificate: str
    key: str
    client_authority: str | None = None
    gateways: tuple[Behind, ...] = ()
    requests_per_second: Rate = 200
    burst: Rate = 400
    calls_per_address: Concurrency = 256
    calls: Concurrency = 4096
    body_bytes: Bytes = MAX_REQUEST_BYTES
    header_bytes: Bytes = HEADER_BYTES
    slow_seconds: Seconds = 10.0
    folder: str | None = None
    access_log: str | None = None
    user: Annotated[str, Meta(pattern="^[a-z_][a-z0-9_-]*$")] | None = None
