"""Calls of several tenants over gRPC, each with a key of its own, to engines that echo so many words at so many a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import grpc
from canaries import PHRASE
from grpc.aio import AioRpcError
from launch import Running, flags, mesh, output
from load import Sent, play, poisson
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.inference.v1 import sampling_pb2
from thinmesh.router.v1 import backend_service_pb2 as backend_pb
from thinmesh.router.v1 import backend_service_pb2_grpc as backend_grpc

from thinmesh_core.channel import dial
from thinmesh_core.errors import MeshError
from thinmesh_core.status import from_rpc_error

LATEST = 10.0
"""Seconds that each call has."""


class Ended(NamedTuple):
    """How a tenant's call ended: the tokens that it was answered with, or why it was not."""

    tenant: str
    tokens: int
    error: MeshError | None


class Load(NamedTuple):
    """A tenant's calls: so many words each, so many words a second, from one moment to another."""

    tenant: str
    words: int
    words_per_second: float
    begin: float
    end: float


class Crowd:
    """Tenants at a mesh that serves the model `one`."""

    def __init__(self, running: Running, channel: grpc.aio.Channel, keys: dict[str, str]) -> None:
        self.most_waiting = 0
        self._stub = inference_grpc.InferenceServiceStub(channel)
        self._metadata = {tenant: (("authorization", f"Bearer {key}"),) for tenant, key in keys.items()}
        self._socket = running.state / "run" / "router.sock"

    async def load(self, random: Random, loads: Sequence[Load]) -> list[Sent[Ended]]:
        """All these calls in open loop; watches the queue meanwhile."""
        calls = sorted(
            (one.begin + at, one.tenant, one.words)
            for one in loads
            for at in poisson(random, one.words_per_second / one.words, one.end - one.begin)
        )
        next_call = iter(calls)

        async def call() -> Ended:
            _, tenant, words = next(next_call)
            return await self._call(tenant, words)

        watching = asyncio.create_task(self._watch())
        try:
            return await play([at for at, _, _ in calls], call)
        finally:
            watching.cancel()

    async def _call(self, tenant: str, words: int) -> Ended:
        request = pb.GenerateRequest(
            model="one", text=" ".join([PHRASE, *["word"] * (words - 1)]), stopping=sampling_pb2.Stopping(max_tokens=words)
        )
        try:
            answer = await self._stub.Generate(request, metadata=self._metadata[tenant], timeout=LATEST)
        except AioRpcError as error:
            return Ended(tenant, 0, from_rpc_error(error))
        return Ended(tenant, answer.usage.completion_tokens, None)

    async def _watch(self) -> None:
        async with dial(f"unix:{self._socket}") as channel:
            stub: Any = backend_grpc.BackendServiceStub(channel)
            while True:
                queues = (await stub.ListQueues(backend_pb.ListQueuesRequest(), timeout=5)).queues
                self.most_waiting = max(self.most_waiting, *(queue.calls for queue in queues))
                await asyncio.sleep(0.2)


@asynccontextmanager
async def crowd(config: str, state: Path, tenants: Sequence[str]) -> AsyncIterator[Crowd]:
    """A mesh of this configuration in one process, and a key for each tenant."""
    async with mesh(config, state, "up") as running, dial(running.grpc) as channel:
        keys = {}
        for tenant in tenants:
            code, key, error = await output("key", "create", "--tenant", tenant, *flags(state / "thinmesh.yaml", state))
            assert code == 0, error
            keys[tenant] = key.strip()
        await asyncio.sleep(2)  # gateways know a new key within a second
        yield Crowd(running, channel, keys)
