"""An adapter served in this process for the kit, as `thinmesh adapter` serves it, in front of a fake engine."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc

from thinmesh_adapters.app import build
from thinmesh_adapters.config import AdapterConfig
from thinmesh_adapters.conformance.engine import EngineSwitches
from thinmesh_adapters.conformance.target import Target, connect, until_ready
from thinmesh_adapters.contract import Place
from thinmesh_core import address
from thinmesh_core.channel import dial
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_core.server import serve_grpc


@asynccontextmanager
async def hosted(config: AdapterConfig, engine: EngineSwitches | None = None) -> AsyncIterator[Target]:
    """The adapter of a backend's entry, on a socket and beside it without a wire; ready when it is given."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tm-", dir="/tmp")))
        app = await stack.enter_async_context(build(config, Place(config.adapter, folder, config.insecure)))
        beside = InProcessServer(config.adapter, [ErrorInterceptor()])
        app.register(beside)
        stack.push_async_callback(beside.stop, 0)
        socket = address.parse(f"unix:{folder / 'a.sock'}")
        await stack.enter_async_context(serve_grpc(app, socket, grace=0))
        channel = await stack.enter_async_context(dial(str(socket)))
        await until_ready(channel)
        yield replace(
            await connect(channel, None),
            engine=engine,
            pid=os.getpid() if sys.platform == "linux" else None,
            beside=inference_grpc.InferenceServiceStub(InProcessChannel(beside)),
            spare=partial(hosted, config, engine),
        )
