"""Servicers behind either kind of channel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import grpc
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from thinmesh_core.channel import dial
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.wire import SERVER_OPTIONS

Kind = Literal["in-process", "network"]
# The base of the generated servicers; the stubs call it abstract, the code answers UNIMPLEMENTED.
Servicer: Any = inference_grpc.InferenceServiceServicer


@dataclass(frozen=True)
class Connected:
    """A servicer behind a channel."""

    server: grpc.aio.Server
    channel: grpc.aio.Channel
    stub: Any


@asynccontextmanager
async def connected(
    kind: Kind, socket: Path, servicer: Servicer, interceptors: Sequence[grpc.aio.ServerInterceptor] = ()
) -> AsyncIterator[Connected]:
    """Serves a servicer on this kind of channel; a network one listens on `socket`."""
    server: grpc.aio.Server
    channel: grpc.aio.Channel
    if kind == "in-process":
        server = InProcessServer("test", interceptors)
        channel = InProcessChannel(server)
    else:
        server = grpc.aio.server(interceptors=interceptors, options=SERVER_OPTIONS)
        server.add_insecure_port(f"unix:{socket}")
        channel = dial(f"unix:{socket}")
    inference_grpc.add_InferenceServiceServicer_to_server(servicer, server)
    await server.start()
    try:
        yield Connected(server, channel, inference_grpc.InferenceServiceStub(channel))
    finally:
        await channel.close()
        await server.stop(0)
