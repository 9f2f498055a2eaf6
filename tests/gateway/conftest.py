"""A whole gateway, on both surfaces, in front of a scripted router."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from channels import Servicer
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.inference.v1 import usage_pb2

from thinmesh_core.address import parse
from thinmesh_core.channel import dial
from thinmesh_core.course import Course
from thinmesh_core.errors import MeshError
from thinmesh_core.http import serve_http
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_core.server import serve_grpc
from thinmesh_gateway.app import GatewayApp, build
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.config import GatewayConfig, Tenant
from thinmesh_gateway.keys import KeyStore

TENANTS = {
    "first": Tenant(priority="critical"),
    "usual": Tenant(),
    "last": Tenant(priority="batch"),
}


class ScriptedRouter(Servicer):
    """Numbers its answers. `told` goes in front of each, `course` behind it; `errors` are raised first.

    `hold` keeps calls until it is set, `pause` streams after their first event.
    """

    def __init__(self) -> None:
        self.told: tuple[tuple[str, str], ...] = ()
        self.errors: list[MeshError] = []
        self.note: str | None = None
        self.hold: asyncio.Event | None = None
        self.pause: asyncio.Event | None = None
        self.course: Course | None = None
        self.began = asyncio.Event()
        self.calls = 0
        self.metadata: list[dict[str, Any]] = []

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
        number = await self._begin(context)
        usage = usage_pb2.Usage(prompt_tokens=1, completion_tokens=1)
        choice = pb.Choice(text=f"answer {number}", finish_reason=pb.FINISH_REASON_STOP)
        return pb.GenerateResponse(choices=[choice], usage=usage)

    async def StreamGenerate(self, request: pb.GenerateRequest, context: Any) -> AsyncIterator[pb.GenerateEvent]:
        number = await self._begin(context)
        yield pb.GenerateEvent(deltas=[pb.Delta(text=f"answer {number}")])
        if self.pause is not None:
            await self.pause.wait()
        finish = pb.Finish(reason=pb.FINISH_REASON_LENGTH, note=self.note)
        yield pb.GenerateEvent(finishes=[finish], usage=usage_pb2.Usage(prompt_tokens=1, completion_tokens=1))

    async def Embed(self, request: pb.EmbedRequest, context: Any) -> pb.EmbedResponse:
        return pb.EmbedResponse(embeddings=[pb.Embedding(values=[await self._begin(context)])])

    async def _begin(self, context: Any) -> int:
        self.calls += 1
        number = self.calls
        self.metadata.append(dict(context.invocation_metadata()))
        self.began.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.course is not None:
            context.set_trailing_metadata(self.course.to_metadata())
        if self.errors:
            raise self.errors.pop(0)
        await context.send_initial_metadata(self.told)
        return number


@dataclass(frozen=True)
class Gateway:
    """A gateway that is served: `http` and `grpc` are its addresses, `keys` one of each tenant."""

    app: GatewayApp
    http: str
    grpc: str
    keys: dict[str, str]

    def session(self, tenant: str = "usual") -> aiohttp.ClientSession:
        """A tenant's REST client."""
        return aiohttp.ClientSession(f"http://{self.http}", headers={"authorization": f"Bearer {self.keys[tenant]}"})

    def metadata(self, *pairs: tuple[str, str], tenant: str = "usual") -> tuple[tuple[str, str], ...]:
        """What a tenant's gRPC call sends."""
        return (("authorization", f"Bearer {self.keys[tenant]}"), *pairs)


def unread(entry: Entry) -> None:
    """Takes entries of an audit log that nobody reads."""


Serve = Callable[..., Awaitable[Gateway]]


@pytest.fixture
def router() -> ScriptedRouter:
    """The router behind the gateways."""
    return ScriptedRouter()


@pytest.fixture
async def router_server(router: ScriptedRouter) -> InProcessServer:
    """What it is served by."""
    server = InProcessServer("router", [ErrorInterceptor()])
    inference_grpc.add_InferenceServiceServicer_to_server(router, server)
    return server


@pytest.fixture
async def serve(router_server: InProcessServer, state: Path) -> AsyncIterator[Serve]:
    """Serves a gateway; all of them share the router and the state folder."""
    async with AsyncExitStack() as stack:

        async def start(**config: Any) -> Gateway:
            store = KeyStore(state)
            keys = {tenant: store.create(tenant, 0) for tenant in TENANTS}
            app = build(
                GatewayConfig(**{"tenants": TENANTS, "router": "router", "jobs": "router", "state": state, **config}),
                lambda _: InProcessChannel(router_server),
            )
            await stack.enter_async_context(app)
            http = await stack.enter_async_context(serve_http(app.rest, parse("127.0.0.1:0"), grace=1))
            grpc = await stack.enter_async_context(serve_grpc(app, parse("127.0.0.1:0"), grace=1))
            return Gateway(app, str(http), str(grpc), keys)

        yield start


@pytest.fixture
async def gateway(serve: Serve) -> Gateway:
    """A gateway as it is configured by default."""
    return await serve()


@pytest.fixture
async def stub(gateway: Gateway) -> AsyncIterator[Any]:
    """A gRPC client of it."""
    async with dial(gateway.grpc) as channel:
        yield inference_grpc.InferenceServiceStub(channel)
