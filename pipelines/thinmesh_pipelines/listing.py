"""Jobs, the newest first.

Temporal gives what runs and then what ended last, and takes no other order: so it is asked for times that are short enough
for what was made in them to be put in order here.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from thinmesh_core.errors import invalid
from thinmesh_pipelines.memo import GOES_ON

T = TypeVar("T")


MOST = 500
"""Runs that are read at once and put in order."""

SPAN = 60_000_000
"""How far back it is looked first, in microseconds, where there are more."""

STEP = 4
"""How many times as far, or as near, it is looked next."""

_BEGIN = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """Where a job stands: when it was made, in microseconds since 1970, and its id, for those of the same one."""

    micros: int
    id: str

    @classmethod
    def listed(cls, run: WorkflowExecution) -> Mark:
        """That of a run which is its job's first."""
        return cls(run.raw_info.start_time.ToMicroseconds(), run.id)

    @classmethod
    def read(cls, token: str) -> Mark:
        """The mark that was written; INVALID_REQUEST for anything else."""
        try:
            micros, _, workflow_id = base64.urlsafe_b64decode(token).decode().partition(" ")
            mark = cls(int(micros), workflow_id)
            _time(mark.micros + 1)
        except (ValueError, OverflowError, binascii.Error):
            raise invalid("page_token", "page_token must be the next_page_token of the page before.") from None
        return mark

    def written(self) -> str:
        """As a page's token."""
        return base64.urlsafe_b64encode(f"{self.micros} {self.id}".encode()).decode()


class Found(Protocol, Generic[T]):
    """What is looked for, between two times in microseconds: the first of all where `since` is none, `until` is not in it."""

    async def count(self, since: int | None, until: int) -> int:
        """How many there are, at least."""

    async def read(self, since: int | None, until: int) -> list[T]:
        """They themselves, the newest first."""


async def newest(found: Found[T], until: int, limit: int) -> list[T]:
    """The last `limit` before a time, and perhaps some more, the newest first."""
    taken: list[T] = []
    span = SPAN
    while len(taken) < limit:
        if await found.count(None, until) <= MOST:
            return taken + await found.read(None, until)
        count = await found.count(until - span, until)
        if count > MOST and span > 1:
            span = max(1, span // STEP)
            continue
        if count:
            taken += await found.read(until - span, until)
        until -= span
        if count * STEP < MOST:
            span *= STEP
    return taken


async def mark_of(client: Client, workflow_id: str) -> Mark:
    """That of a job; its last run's where Temporal has forgotten the first, which ended that long before."""
    last = await client.get_workflow_handle(workflow_id).describe()
    try:
        return Mark.listed(await client.get_workflow_handle(workflow_id, run_id=last.raw_info.first_run_id).describe())
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return Mark.listed(last)
        raise


class FirstRuns:
    """The jobs that a query of Temporal's finds, each by its first run, which tells when it was made; those before a mark."""

    def __init__(self, client: Client, query: str, mark: Mark) -> None:
        self._client = client
        self._query = query
        self._mark = mark

    async def page(self, limit: int) -> list[WorkflowExecution]:
        """So many."""
        return (await newest(self, self._mark.micros + 1, limit))[:limit]

    async def count(self, since: int | None, until: int) -> int:
        """How many runs there are, the first and others."""
        return (await self._client.count_workflows(self._between(since, until))).count

    async def read(self, since: int | None, until: int) -> list[WorkflowExecution]:
        """The first runs."""
        listed = self._client.list_workflows(self._between(since, until), page_size=MOST)
        runs = [run async for run in listed if GOES_ON not in run.raw_info.memo.fields and Mark.listed(run) < self._mark]
        return sorted(runs, key=Mark.listed, reverse=True)

    def _between(self, since: int | None, until: int) -> str:
        before = f"{self._query} AND StartTime < '{_time(until)}'"
        return before if since is None else f"{before} AND StartTime >= '{_time(since)}'"


def _time(micros: int) -> str:
    return (_BEGIN + timedelta(microseconds=micros)).isoformat()
