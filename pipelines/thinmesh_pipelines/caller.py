"""Who calls a worker, as the gateway says it."""

from __future__ import annotations

from thinmesh_core.behalf import owner_of
from thinmesh_core.call import from_metadata
from thinmesh_core.peers import Context
from thinmesh_pipelines.job import Owner


def tenant(context: Context) -> str:
    """Whose jobs and files it may see."""
    return from_metadata(context.invocation_metadata()).tenant


def owner(context: Context) -> Owner:
    """On whose behalf what it makes will run."""
    metadata = context.invocation_metadata()
    call = from_metadata(metadata)
    roles, key = owner_of(metadata)
    return Owner(call.tenant, call.principal, roles, key, call.priority, call.traceparent)
