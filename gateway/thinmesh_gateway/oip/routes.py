"""The Open Inference Protocol over REST: what each route does with an authenticated call."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import msgspec
from tritonclient.grpc import service_pb2 as pb

from thinmesh_core.errors import MeshError, invalid
from thinmesh_gateway.attendance import Attendance
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.exchange import Answer, Request, as_json
from thinmesh_gateway.oip import bodies, codec
from thinmesh_gateway.oip.plain import plain
from thinmesh_gateway.tensors import EXTENSIONS, NAME, VERSION, Tensors

JSON_BYTES = "inference-header-content-length"
"""The header that says how many of a body's first bytes are JSON, where tensors follow it."""


class OipRoutes:
    """One method a route."""

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors

    async def server(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v2."""
        return as_json(bodies.ServerMetadata(NAME, VERSION, list(EXTENSIONS)))

    async def live(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v2/health/live: it lives, since it answers."""
        return as_json(bodies.Live(live=True))

    async def ready(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v2/health/ready."""
        ready = (await self._tensors.server_ready(call)).ready
        return as_json(bodies.Ready(ready=ready), 200 if ready else 503)

    async def model(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v2/models/{model}."""
        name, version = _model(request)
        answer = await self._tensors.metadata(pb.ModelMetadataRequest(name=name, version=version), call)
        metadata = bodies.ModelMetadata(
            answer.name, list(answer.versions), answer.platform, _declared(answer.inputs), _declared(answer.outputs)
        )
        return as_json(metadata)

    async def model_ready(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v2/models/{model}/ready."""
        name, version = _model(request)
        ready = (await self._tensors.ready(pb.ModelReadyRequest(name=name, version=version), call)).ready
        return as_json(bodies.ModelReady(name, ready), 200 if ready else 503)

    async def config(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v2/models/{model}/config."""
        name, version = _model(request)
        answer = await self._tensors.config(pb.ModelConfigRequest(name=name, version=version), call)
        return as_json(plain(answer.config))

    async def statistics(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v2/models/{model}/stats."""
        name, version = _model(request)
        answer = await self._tensors.statistics(pb.ModelStatisticsRequest(name=name, version=version), call)
        return as_json(plain(answer))

    async def infer(self, request: Request, call: AuthorizedCall) -> Answer:
        """POST /v2/models/{model}/infer."""
        name, version = _model(request)
        tensors, binary = codec.decode(await request.read(), _json_bytes(request), name, version)
        async with Attendance(request.receive):
            body, json_bytes = codec.encode(await self._tensors.infer(tensors, call, request.told.update), binary)
        if json_bytes is None:
            return Answer(body)
        return Answer(body, {JSON_BYTES: str(json_bytes)}, media_type="application/octet-stream")


def told(error: MeshError) -> Answer:
    """An error as the protocol has it."""
    headers = {} if error.retry_after is None else {"retry-after": str(math.ceil(error.retry_after))}
    return Answer(msgspec.json.encode(bodies.ErrorBody(error.message)), headers, error.row.http)


def _model(request: Request) -> tuple[str, str]:
    return request.parameter("model"), request.parameter("version")


def _json_bytes(request: Request) -> int | None:
    given = request.header(JSON_BYTES)
    if given is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", given):
        raise invalid(JSON_BYTES, f"{JSON_BYTES} must be a count of bytes.")
    return int(given)


def _declared(tensors: Iterable[pb.ModelMetadataResponse.TensorMetadata]) -> list[bodies.TensorMetadata]:
    return [bodies.TensorMetadata(one.name, one.datatype, list(one.shape)) for one in tensors]
