"""Whether Temporal answers, for those who watch: its own client tries for ever without a word."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError

from thinmesh_core.telemetry import TEMPORAL_REACHABLE

LOOK_SECONDS = 5.0
PATIENCE = timedelta(seconds=2)


async def look(client: Client) -> None:
    """Looks for ever."""
    while True:
        TEMPORAL_REACHABLE.set(await _answers(client))
        await asyncio.sleep(LOOK_SECONDS)


async def _answers(client: Client) -> bool:
    try:
        return await client.service_client.check_health(timeout=PATIENCE)
    except RPCError:
        return False
