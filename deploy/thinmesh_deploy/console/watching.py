"""What the console asks of the parts in its process, however many pages are open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc
from thinmesh.job.v1 import job_service_pb2 as job_pb
from thinmesh.router.v1 import backend_service_pb2 as pb
from thinmesh.router.v1 import backend_service_pb2_grpc as backend_grpc
from thinmesh.router.v1 import quota_service_pb2 as quota_pb
from thinmesh.router.v1 import quota_service_pb2_grpc as quota_grpc

from thinmesh_core.admin import Lines
from thinmesh_core.errors import MeshError
from thinmesh_core.status import from_rpc_error
from thinmesh_core.telemetry import tenant_tokens
from thinmesh_deploy.config import MeshConfig
from thinmesh_deploy.console.snapshot import JobSeen, Snapshot, job
from thinmesh_deploy.sight import QueueSeen, Sight, queue, sight

SECONDS = 2.0
"""What a router may take to answer."""

FRESH_SECONDS = 0.9
"""How long an answer is good for every page that asks."""

JOBS_FRESH_SECONDS = 3.0
"""The same of jobs, for which Temporal's database is asked."""

JOBS = 25
"""How many are shown."""

Current = Callable[[int], Awaitable[list[tuple[str, job_pb.Job]]]]
"""So many jobs of all tenants, each with whose it is."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a process can tell: `router` leads to the router in it, `jobs` to its worker's; `unseen` says who knows the rest."""

    process: str
    config: Callable[[], MeshConfig]
    problems: Lines
    notes: Lines = list
    router: grpc.aio.Channel | None = None
    jobs: Current | None = None
    unseen: tuple[str, ...] = ()


class Watching:
    """Asks when a page wants to know, and not again for a moment."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._asking = asyncio.Lock()
        self._last: Snapshot | None = None
        self._good_until = 0.0
        self._jobs: tuple[JobSeen, ...] | None = None
        self._jobs_trouble: str | None = None
        self._jobs_good_until = 0.0

    async def snapshot(self) -> Snapshot:
        """What is known now, or was a moment ago."""
        async with self._asking:
            if self._last is None or time.monotonic() >= self._good_until:
                self._last = await self._look()
                self._good_until = time.monotonic() + FRESH_SECONDS
            return self._last

    async def _look(self) -> Snapshot:
        known = self._known
        (seen, queues), _ = await asyncio.gather(self._routed(), self._look_at_jobs())
        return Snapshot(
            process=known.process,
            unix_seconds=time.time(),
            problems=tuple(known.problems()),
            notes=tuple(known.notes()),
            unseen=known.unseen,
            sight=seen,
            queue=queues,
            tokens={} if known.router is None else tenant_tokens(),
            jobs=self._jobs,
            jobs_trouble=self._jobs_trouble,
        )

    async def _routed(self) -> tuple[Sight | None, tuple[QueueSeen, ...]]:
        channel = self._known.router
        if channel is None:
            return None, ()
        backends, quotas = backend_grpc.BackendServiceStub(channel), quota_grpc.QuotaServiceStub(channel)
        try:
            listed, waiting, used = await asyncio.gather(
                backends.ListBackends(pb.ListBackendsRequest(), timeout=SECONDS),
                backends.ListQueues(pb.ListQueuesRequest(), timeout=SECONDS),
                quotas.ListQuotas(quota_pb.ListQuotasRequest(), timeout=SECONDS),
            )
        except grpc.aio.AioRpcError as error:
            return Sight(self._known.process, from_rpc_error(error).message), ()
        seen = sight(self._known.process, self._known.config(), listed.backends, waiting.queues, used.quotas)
        return seen, tuple(map(queue, waiting.queues))

    async def _look_at_jobs(self) -> None:
        if self._known.jobs is None or time.monotonic() < self._jobs_good_until:
            return
        try:
            self._jobs = tuple(job(tenant, told) for tenant, told in await self._known.jobs(JOBS))
            self._jobs_trouble = None
        except MeshError as error:
            self._jobs_trouble = error.message
        self._jobs_good_until = time.monotonic() + JOBS_FRESH_SECONDS
