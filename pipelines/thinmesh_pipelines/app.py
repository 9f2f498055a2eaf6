"""A worker, built: it serves JobService to gateways and runs the steps of jobs."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from types import MappingProxyType
from typing import Self

import grpc
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker
from thinmesh.job.v1 import file_service_pb2_grpc as file_grpc
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc
from thinmesh.job.v1 import response_service_pb2_grpc as response_grpc

from thinmesh_core.app import App
from thinmesh_core.beside import beside
from thinmesh_core.channel import Channels
from thinmesh_core.peers import GATEWAY
from thinmesh_core.telemetry import TEMPORAL_REACHABLE
from thinmesh_pipelines import schedules
from thinmesh_pipelines.batches.asking import Asking
from thinmesh_pipelines.batches.batches import Batches
from thinmesh_pipelines.batches.steps import BatchSteps
from thinmesh_pipelines.config import API_KEY, WorkerConfig
from thinmesh_pipelines.files.files import Files
from thinmesh_pipelines.files.service import FileService
from thinmesh_pipelines.files.vault import Vault
from thinmesh_pipelines.jobs import Jobs
from thinmesh_pipelines.metering import StepMeter
from thinmesh_pipelines.outgoing.client import Outgoing
from thinmesh_pipelines.outside import Outside
from thinmesh_pipelines.payloads.converter import converter
from thinmesh_pipelines.payloads.keys import KeyRing
from thinmesh_pipelines.payloads.objects import objects
from thinmesh_pipelines.reachable import look
from thinmesh_pipelines.registry import installed
from thinmesh_pipelines.replaying import RUNNER, around, workflows
from thinmesh_pipelines.responses.responses import Responses
from thinmesh_pipelines.responses.service import ResponseService
from thinmesh_pipelines.retention import keep_for, sweep
from thinmesh_pipelines.service import JobService
from thinmesh_pipelines.steps import Steps
from thinmesh_pipelines.versions import deployment, promote
from thinmesh_pipelines.webhooks.config import WebhookConfig
from thinmesh_pipelines.webhooks.delivery import Delivery
from thinmesh_pipelines.webhooks.endpoints import Endpoints
from thinmesh_pipelines.webhooks.worker import telling

log = logging.getLogger(__name__)


AGAIN_SECONDS = 0.5
"""How long to wait before a Temporal that is away is looked for again."""

TRIES = 10
"""After so many it is not only starting: that is said in the log, and the worker takes calls without it."""

THROTTLE = timedelta(seconds=1)
"""How long Temporal's library may hold a heartbeat back, which is how a step learns that it is cancelled."""


class WorkerApp(App):
    """Jobs are durable without it; with it they run. While Temporal is away it waits for it."""

    services = MappingProxyType(
        {
            "thinmesh.job.v1.JobService": frozenset({GATEWAY}),
            "thinmesh.job.v1.FileService": frozenset({GATEWAY}),
            "thinmesh.job.v1.ResponseService": frozenset({GATEWAY}),
        }
    )

    def __init__(self, config: WorkerConfig, channels: Channels) -> None:
        self._config = config
        self._gateway = channels(config.gateway)
        self._steps = Steps(self._gateway, config.call_seconds)
        self._jobs: Jobs | None = None
        self._service: JobService | None = None
        self._objects = objects(config.jobs.payloads, config.state)
        ring = KeyRing(config.state)
        self._converter = converter(config.jobs.payloads, ring, self._objects)
        vault = Vault(ring, self._objects)
        files = Files(vault, config.jobs.files)
        self._batches = Batches(files, config.jobs)
        self._file_service = FileService(files, config.jobs.files)
        self._response_service = ResponseService(Responses(vault, config.jobs.keep_days))
        self._batch_steps = BatchSteps(Asking(self._gateway, config.call_seconds), vault, files)
        self._pipelines = installed()
        schedules.check(config, self._pipelines)
        outgoing = Outgoing(config.jobs.outgoing)
        self._outside = Outside(outgoing, config.call_seconds)
        self._endpoints = Endpoints.of(config.webhooks, os.environ)
        self._delivery = Delivery(lambda: self._endpoints, outgoing, config.jobs.keep_days)
        self._stack = AsyncExitStack()
        self._looked = 0
        self._trouble: str | None = "jobs: looking for Temporal"

    def register(self, server: grpc.aio.Server) -> None:
        """Adds its services; it must have been entered."""
        assert self._service is not None
        job_grpc.add_JobServiceServicer_to_server(self._service, server)
        file_grpc.add_FileServiceServicer_to_server(self._file_service, server)
        response_grpc.add_ResponseServiceServicer_to_server(self._response_service, server)

    def problems(self) -> list[str]:
        """That it drains, or that it looks for a Temporal which may be starting."""
        if self.draining:
            return ["draining"]
        return [] if self._trouble is None or self._looked >= TRIES else [self._trouble]

    def notes(self) -> list[str]:
        """That Temporal is away."""
        return [] if self._trouble is None else [self._trouble]

    async def current(self, limit: int) -> list[tuple[str, pb.Job]]:
        """Jobs of all tenants, each with whose it is, for operators; it must have been entered."""
        assert self._jobs is not None
        return await self._jobs.current(limit)

    def prepared(self, webhooks: Mapping[str, Sequence[WebhookConfig]]) -> Callable[[], None]:
        """What puts other webhooks in force. ConfigError where a secret is missing, or is none."""
        endpoints = Endpoints.of(webhooks, os.environ)

        def apply() -> None:
            self._endpoints = endpoints

        return apply

    async def __aenter__(self) -> Self:
        """Starts to look for Temporal, and to work once it is there."""
        self._jobs = Jobs(await self._connect(lazy=True), self._config, self._batches)
        self._service = JobService(self._jobs, self._batches, self._pipelines)
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        stop = asyncio.Event()
        tasks.create_task(self._work(stop))
        self._stack.callback(stop.set)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stops taking steps; those that run have their grace, and are made again elsewhere where it is too short."""
        await self._stack.aclose()

    async def _work(self, stop: asyncio.Event) -> None:
        config = self._config
        while not stop.is_set():
            self._looked += 1
            try:
                client = await self._connect(lazy=False)
                if config.console is not None:
                    await keep_for(client, config.jobs)
                await schedules.keep(client, config, self._pipelines)
                worker = Worker(
                    client,
                    task_queue=config.jobs.queue,
                    workflows=workflows(self._pipelines),
                    activities=[
                        *self._steps.all(),
                        self._outside.http_call,
                        *self._pipelines.steps(config.state),
                        *self._batch_steps.all(),
                    ],
                    workflow_runner=RUNNER,
                    deployment_config=deployment(config),
                    interceptors=[*around(lambda: self._endpoints), StepMeter()],
                    max_concurrent_activities=config.jobs.at_once,
                    graceful_shutdown_timeout=timedelta(seconds=config.grace_seconds),
                    default_heartbeat_throttle_interval=THROTTLE,
                    max_heartbeat_throttle_interval=THROTTLE,
                )
                async with (
                    worker,
                    telling(client, config.jobs.queue, self._delivery, THROTTLE),
                    beside(sweep(client, self._objects, config.jobs)),
                    beside(look(client)),
                ):
                    await promote(client, config)
                    self._trouble, self._looked = None, TRIES
                    await stop.wait()
            except (RPCError, RuntimeError) as error:
                TEMPORAL_REACHABLE.set(0)
                self._trouble = f"jobs: Temporal at {config.temporal} does not answer; they wait"
                if self._looked == TRIES:
                    log.warning("%s: %s", self._trouble, error)
                await _unless(stop, AGAIN_SECONDS)

    def _connect(self, *, lazy: bool) -> Awaitable[Client]:
        config, api_key = self._config, os.environ.get(API_KEY)
        return Client.connect(
            config.temporal,
            namespace=config.jobs.namespace,
            api_key=api_key,
            tls=config.jobs.tls or api_key is not None,
            data_converter=self._converter,
            lazy=lazy,
        )


def build(config: WorkerConfig, channels: Channels) -> WorkerApp:
    """The worker of a configuration."""
    return WorkerApp(config, channels)


async def _unless(stop: asyncio.Event, seconds: float) -> None:
    """Waits for a time, or until it is to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
