"""What the mesh keeps things in: Temporal, Redis, the database of keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from thinmesh_core.channel import dial
from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError
from thinmesh_deploy.config import Setting
from thinmesh_deploy.doctor.finding import Finding, note, ok, wrong
from thinmesh_pipelines.config import API_KEY, JobsConfig

if TYPE_CHECKING:
    from thinmesh_gateway.identity.database import Schema

DATABASE = "database"
SECONDS = 5.0
"""What each may take to answer."""

SERVICE = "temporal.api.workflowservice.v1.WorkflowService"


async def temporal(jobs: JobsConfig | None) -> list[Finding]:
    """Whether the Temporal of the configuration serves; the mesh's own tells of itself in /readyz."""
    if jobs is None or jobs.temporal is None:
        return []
    where, at = "jobs.temporal", jobs.temporal
    key = os.environ.get(API_KEY)
    secure = jobs.tls or key is not None
    metadata = () if key is None else (("authorization", f"Bearer {key}"),)
    channel = grpc.aio.secure_channel(at, grpc.ssl_channel_credentials()) if secure else dial(at)
    try:
        async with channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)  # its types know its servicer only
            request = health_pb2.HealthCheckRequest(service=SERVICE)
            answer = await stub.Check(request, timeout=SECONDS, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        what = f"no Temporal answers at {at} ({error.code().name}): jobs wait, and none can be made"
        return [wrong(where, what, "start it, or correct jobs.temporal, jobs.tls and THINMESH_TEMPORAL_KEY")]
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        return [wrong(where, f"the Temporal at {at} does not serve", "look into its log")]
    return [ok(where, f"{at} serves")]


async def redis(where: str, url: str) -> list[Finding]:
    """Whether a store answers; its address may hold a password, and is not told."""
    if url == "memory":
        return []
    try:
        from redis.asyncio import Redis
        from redis.exceptions import RedisError
    except ImportError:
        return [wrong(where, "the store can't be asked from here", "pip install 'thinmesh[redis]'")]
    client = Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
    try:
        async with client:
            await client.ping()
    except (RedisError, OSError, TimeoutError) as error:
        what = f"the store does not answer: {type(error).__name__}"
        return [wrong(where, what, f"start the Redis or Valkey, or correct {where}")]
    return [ok(where, "the store answers")]


def database(setting: Setting) -> list[Finding]:
    """Whether the keys can be read, and whether their schema is one that this version knows."""
    try:
        from thinmesh_gateway.identity.database import FILE, Database, cause
    except ImportError:
        return []  # a router alone; the versions say what is missing
    if setting.config.database is None and not (setting.state / FILE).exists():
        return [note(DATABASE, "there are no keys yet", "`thinmesh key create` makes one")]
    try:
        opened = Database(setting.state, setting.config.database)
        try:
            return [judge(opened.schema())]
        finally:
            opened.close()
    except ConfigError as error:
        return [wrong(DATABASE, str(error), "correct `database`")]
    except MeshError as error:
        return [
            wrong(DATABASE, f"it can't be used: {cause(error)}", "start it, or correct `database`; known keys hold meanwhile")
        ]


def judge(schema: Schema) -> Finding:
    """What is to be said of the schema that the keys' database has."""
    if not schema.known:
        what = f"the schema of the keys, {schema.found}, is of a newer thinmesh"
        return wrong(DATABASE, what, "upgrade this one: it can't go back")
    if schema.found != schema.newest:
        return note(DATABASE, f"the schema of the keys is {schema.found or 'none'}", f"the next start makes it {schema.newest}")
    return ok(DATABASE, f"the schema of the keys is {schema.found}")
