"""The `jobs` section of thinmesh.yaml, and what a worker is built from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field

from thinmesh_core.config import Section
from thinmesh_core.ranges import Seconds
from thinmesh_pipelines.files.config import FilesConfig
from thinmesh_pipelines.outgoing.config import OutgoingConfig
from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.webhooks.config import WebhookConfig

API_KEY = "THINMESH_TEMPORAL_KEY"
"""The environment variable with the key of a Temporal that wants one."""

ScheduleName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class ScheduleConfig(Section, frozen=True, kw_only=True):
    """A pipeline that runs by itself: for which tenant, with which roles, and what it is given, as YAML.

    `cron` and `zone` say when; unset, the pipeline's own schedule does. A run that is due while the last goes on is left out.
    """

    pipeline: str
    tenant: str
    roles: tuple[str, ...] = ("user",)
    priority: Literal["critical", "standard", "batch"] = "batch"
    input: object = None
    cron: str | None = None
    zone: str | None = None


class JobsConfig(Section, frozen=True, kw_only=True):
    """Where jobs are kept and for how long.

    Without `temporal` (`host:port`) the mesh starts one of its own on a file of the state folder. THINMESH_TEMPORAL_KEY has
    the API key of one that wants it, which is then reached over TLS. `expire_seconds` is the longest that a job may take from
    its making to its end, `at_once` how many steps one worker runs together, `batch_lines` how many lines of one batch. What a
    job gave is kept for `keep_days`, by a Temporal of one's own for as long as that keeps it.
    """

    temporal: str | None = None
    namespace: str = "default"
    tls: bool = False
    queue: str = "thinmesh"
    expire_seconds: Seconds = 86_400.0
    at_once: Annotated[int, Meta(ge=1, le=10_000)] = 32
    keep_days: Annotated[int, Meta(ge=1, le=365)] = 7
    payloads: PayloadsConfig = PayloadsConfig()
    files: FilesConfig = FilesConfig()
    outgoing: OutgoingConfig = OutgoingConfig()
    schedules: dict[ScheduleName, ScheduleConfig] = field(default_factory=dict)
    batch_lines: Annotated[int, Meta(ge=1, le=256)] = 16


class WorkerConfig(Section, frozen=True, kw_only=True):
    """A worker's part: the jobs, where Temporal is, and the gateway that steps are sent to.

    `weights` says how much each tenant weighs, `webhooks` where it is told of its jobs' ends; `console` is the page of a
    Temporal that is the mesh's own. A worker with a `version` ends what began on it, and what nobody says a version of.
    """

    jobs: JobsConfig
    temporal: str
    gateway: str
    state: Path
    weights: dict[str, float]
    webhooks: dict[str, tuple[WebhookConfig, ...]] = field(default_factory=dict)
    call_seconds: Seconds = 600.0
    grace_seconds: float = 30.0
    console: str | None = None
    version: str | None = None
