"""Pipelines that run by themselves: Temporal keeps their times, thinmesh.yaml says which there are."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial

import msgspec
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError
from thinmesh_core.priority import PRIORITIES
from thinmesh_pipelines.config import ScheduleConfig, WorkerConfig
from thinmesh_pipelines.expiry import SPARE
from thinmesh_pipelines.job import Owner, workflow_id
from thinmesh_pipelines.memo import pipeline_memo
from thinmesh_pipelines.registry import Pipelines, workflow_type
from thinmesh_pipelines.turn import turn

log = logging.getLogger(__name__)

PREFIX = "thinmesh-"
"""Before the names of the schedules that are thinmesh.yaml's."""

CATCH_UP = timedelta(hours=1)
"""A run that was due so long ago, while Temporal was away, is made up for."""

LONGEST_INPUT = 64 * 1024
"""Of what a scheduled run is given, in bytes."""


def check(config: WorkerConfig, pipelines: Pipelines) -> None:
    """ConfigError where a schedule can't run."""
    for name, entry in config.jobs.schedules.items():
        source = f"jobs.schedules.{name}"
        try:
            pipelines.check(_work(entry))
        except MeshError as error:
            raise ConfigError(f"{source}: {error.message}") from None
        if len(_work(entry).input.encode()) > LONGEST_INPUT:
            raise ConfigError(f"{source}.input: it is more than {LONGEST_INPUT} bytes; have a step read it")
        if _spec(entry, pipelines) is None:
            raise ConfigError(f"{source}.cron: the pipeline {entry.pipeline} has no schedule of its own: say when it runs")


async def keep(client: Client, config: WorkerConfig, pipelines: Pipelines) -> None:
    """Makes Temporal's schedules those of the configuration."""
    wanted = {PREFIX + name: _schedule(name, entry, config, pipelines) for name, entry in config.jobs.schedules.items()}
    async for there in await client.list_schedules():
        if there.id.startswith(PREFIX) and there.id not in wanted:
            await client.get_schedule_handle(there.id).delete()
            log.info("the schedule %s is not in thinmesh.yaml any more: removed", there.id)
    for name, schedule in wanted.items():
        try:
            await client.create_schedule(name, schedule)
        except ScheduleAlreadyRunningError:
            await client.get_schedule_handle(name).update(partial(_updated, schedule))


def _updated(schedule: Schedule, there: ScheduleUpdateInput) -> ScheduleUpdate:
    return ScheduleUpdate(schedule)


def _schedule(name: str, entry: ScheduleConfig, config: WorkerConfig, pipelines: Pipelines) -> Schedule:
    priority = PRIORITIES[entry.priority]
    owner = Owner(entry.tenant, f"schedule:{name}", entry.roles, key=False, priority=priority)
    spec = _spec(entry, pipelines)
    assert spec is not None  # checked
    action = ScheduleActionStartWorkflow(
        workflow_type(entry.pipeline),
        args=[owner, _work(entry), config.call_seconds],
        id=workflow_id(entry.tenant, f"job-{name}"),  # to which Temporal adds the time
        task_queue=config.jobs.queue,
        execution_timeout=timedelta(seconds=config.jobs.expire_seconds) + SPARE,
        memo=pipeline_memo(entry.pipeline),
        priority=turn(config, entry.tenant, priority),
    )
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP)
    return Schedule(action=action, spec=spec, policy=policy)


def _spec(entry: ScheduleConfig, pipelines: Pipelines) -> ScheduleSpec | None:
    about = pipelines[entry.pipeline]
    own = None if about is None else about.schedule
    cron = entry.cron or (None if own is None else own.cron)
    zone = entry.zone or ("UTC" if own is None else own.zone)
    return None if cron is None else ScheduleSpec(cron_expressions=[cron], time_zone_name=zone)


def _work(entry: ScheduleConfig) -> pb.PipelineWork:
    return pb.PipelineWork(name=entry.pipeline, input=msgspec.json.encode(entry.input).decode())
