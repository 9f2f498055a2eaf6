"""The steps of telling: to whom, and one attempt at one of them. When the next one is made they say, and Temporal keeps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from temporalio import activity
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode

from thinmesh_core.errors import MeshError, Reason
from thinmesh_pipelines.heartbeat import beating
from thinmesh_pipelines.job import workflow_id
from thinmesh_pipelines.outgoing.client import Answered, Outgoing
from thinmesh_pipelines.webhooks.endpoints import Endpoint, Endpoints
from thinmesh_pipelines.webhooks.event import Event
from thinmesh_pipelines.webhooks.signature import signed

log = logging.getLogger(__name__)

SECONDS = 15.0
"""What a receiver may take to answer."""

_MINUTE, _HOUR = 60, 3600
PAUSES = (5, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR)
"""Standard Webhooks' pauses between attempts, in seconds: three days in all."""

SHORTLY = timedelta(seconds=0.1)
"""When it is looked again at a job whose own code says that it ends."""

GONE = 410
"""A receiver's word that it wants to hear nothing any more."""


async def tell(outgoing: Outgoing, endpoint: Endpoint, event: Event, now: float) -> Answered:
    """One attempt, and what the receiver answers; MeshError where it can't be reached or may not be called."""
    body = event.body
    headers = {"content-type": "application/json", **signed(endpoint.secrets, event.id, int(now), body)}
    return await outgoing.ask("POST", endpoint.url, headers=headers, body=body, seconds=SECONDS)


def taken(answer: Answered) -> bool:
    """Whether the receiver has it."""
    return 200 <= answer.status < 300


class Delivery:
    """Temporal's activities. `endpoints` gives those in force: a secret is read when it is used, and kept nowhere."""

    def __init__(self, endpoints: Callable[[], Endpoints], outgoing: Outgoing, keep_days: int) -> None:
        self._endpoints = endpoints
        self._outgoing = outgoing
        self._keep_seconds = timedelta(days=keep_days).total_seconds()

    @activity.defn(name="receivers")
    async def receivers(self, event: Event) -> list[str]:
        """The names of who wants to know, once whoever is told and asks for the job finds that it has ended."""
        job = activity.client().get_workflow_handle(workflow_id(event.tenant, event.job))
        try:
            status = (await job.describe()).status
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:  # who is told could ask for nothing any more
                return []
            raise
        if status is WorkflowExecutionStatus.RUNNING:
            raise ApplicationError(
                "The job is about to end.", next_retry_delay=SHORTLY, category=ApplicationErrorCategory.BENIGN
            )
        return [one.name for one in self._endpoints().wanting(event.tenant, event.type)]

    @activity.defn(name="tell")
    async def tell(self, event: Event, name: str) -> None:
        """An attempt at one of them; one that is not configured any more is told nothing."""
        endpoint = self._endpoints().find(event.tenant, name)
        if endpoint is None:
            return
        async with beating():
            trouble, hopeless, asked = await self._attempt(endpoint, event)
        if trouble is None:
            return
        pause = _pause(activity.info().attempt, asked)
        over = hopeless or pause is None or time.time() + pause > event.at + self._keep_seconds
        if over:
            log.warning("%s of %s is given up: %s", event.type, endpoint.setting, trouble)
        raise ApplicationError(
            trouble,
            type=Reason.ENGINE_UNAVAILABLE.name,
            non_retryable=over,
            next_retry_delay=None if pause is None else timedelta(seconds=pause),
            category=ApplicationErrorCategory.BENIGN,
        )

    async def _attempt(self, endpoint: Endpoint, event: Event) -> tuple[str | None, bool, float]:
        """What is wrong, whether no other attempt can mend it, and how long the receiver wants to be left alone."""
        try:
            answer = await tell(self._outgoing, endpoint, event, time.time())
        except MeshError as error:
            return error.message, error.reason is Reason.INVALID_REQUEST, 0.0
        if taken(answer):
            return None, False, 0.0
        return f"The receiver answered {answer.status}.", answer.status == GONE, answer.pause or 0.0


def _pause(attempt: int, asked: float) -> float | None:
    """What to wait after an attempt, counted from 1, longer where the receiver asks for it; None after the last one."""
    return max(PAUSES[attempt - 1], min(asked, PAUSES[-1])) if attempt <= len(PAUSES) else None
