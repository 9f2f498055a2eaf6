"""The order of lists: by when jobs were made, whatever of them runs, has ended or goes on as another run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporal_server import FORGETFUL, TemporalServer, keep_shortly, temporal_server
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from thinmesh_core.errors import MeshError
from thinmesh_pipelines.listing import MOST, FirstRuns, Mark, mark_of, newest
from thinmesh_pipelines.memo import GOES_ON

DAY = 86_400_000_000
NOW = 40 * DAY
MAX = Mark(1 << 51, "")


@dataclass
class Times:
    """What was made when, of which more than one may be looked for at once; notes how much was read."""

    times: Sequence[int]
    asked: int = 0
    read_at_once: list[int] = field(default_factory=list)

    def between(self, since: int | None, until: int) -> list[int]:
        return sorted((one for one in self.times if (since is None or one >= since) and one < until), reverse=True)

    async def count(self, since: int | None, until: int) -> int:
        self.asked += 1
        return len(self.between(since, until))

    async def read(self, since: int | None, until: int) -> list[int]:
        self.read_at_once.append(len(self.between(since, until)))
        return self.between(since, until)


crowds = st.lists(
    st.tuples(st.integers(0, NOW - 1), st.integers(1, 400), st.sampled_from([1, 1000, 1_000_000, DAY])), min_size=1, max_size=8
)


@given(crowds, st.integers(1, 101))
def test_the_newest_are_found_however_densely_they_were_made(crowds: list[tuple[int, int, int]], limit: int) -> None:
    times = Times([begun + number * apart for begun, count, apart in crowds for number in range(count)])
    found = asyncio.run(newest(times, NOW, limit))
    assert found[:limit] == times.between(None, NOW)[:limit]
    assert max(times.read_at_once) <= max(MOST, *Counter(times.times).values())
    assert times.asked < 400


def test_a_mark_is_read_as_it_was_written() -> None:
    mark = Mark(1_795_000_000_000_001, "acme/job-1")
    assert Mark.read(mark.written()) == mark
    beyond = [Mark(micros, "").written() for micros in (10**30, 10**18, -(10**18))]
    for token in ("", "x", "AAAA", Mark(1, "").written()[:-1], *beyond):
        with pytest.raises(MeshError, match="page_token"):
            Mark.read(token)


@workflow.defn
class Ends:
    """Takes so long, run after run."""

    @workflow.run
    async def run(self, seconds: list[float]) -> None:
        await asyncio.sleep(seconds[0])
        if seconds[1:]:
            workflow.continue_as_new(args=[seconds[1:]], memo={GOES_ON: True})


@pytest.mark.asyncio(loop_scope="module")
async def test_pages_follow_each_other_through_jobs_that_end_in_another_order(temporal: TemporalServer) -> None:
    """The first ends last, the second goes on as another run after the third was made, and the last one still runs."""
    client = await Client.connect(temporal.address)
    worker = Worker(client, task_queue="q", workflows=[Ends], workflow_runner=UnsandboxedWorkflowRunner())
    async with worker, asyncio.timeout(30):
        made: list[WorkflowHandle[Ends, None]] = [
            await client.start_workflow(Ends.run, args=[seconds], id=f"acme/job-{number}", task_queue="q")
            for number, seconds in enumerate([[2], [0.5, 0.5, 0.5], [0], [600]])
        ]
        for handle in made[:3]:
            await handle.result()
        newest_first = [one.id for one in reversed(made)]
        query = "WorkflowId STARTS_WITH 'acme/job-'"
        while len(found := await FirstRuns(client, query, MAX).page(9)) < len(made):
            await asyncio.sleep(0.1)  # Temporal lists a little later than it knows
        assert [one.id for one in found] == newest_first
        seen, at = [], MAX
        while page := await FirstRuns(client, query, at).page(1):
            seen.append(page[0].id)
            at = await mark_of(client, page[0].id)
            assert at == Mark.listed(page[0])
        assert seen == newest_first


async def test_a_job_whose_first_run_is_forgotten_stands_where_its_last_one_began(tmp_path: Path) -> None:
    async with temporal_server(tmp_path, *FORGETFUL) as server, asyncio.timeout(30):
        await keep_shortly(server.address, "short", timedelta(seconds=1))
        client = await Client.connect(server.address, namespace="short")
        async with Worker(client, task_queue="q", workflows=[Ends], workflow_runner=UnsandboxedWorkflowRunner()):
            made = await client.start_workflow(Ends.run, args=[[0, 600]], id="acme/job-1", task_queue="q")
            last = client.get_workflow_handle(made.id)
            first = await mark_of(client, made.id)
            while await mark_of(client, made.id) == first:
                await asyncio.sleep(0.1)
            assert await mark_of(client, made.id) == Mark.listed(await last.describe()) > first
