"""The steps of a batch: its file is looked at, its lines are asked range by range, and what came is written into files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from thinmesh_core.errors import MeshError, Reason
from thinmesh_pipelines.batches.asking import Asking
from thinmesh_pipelines.batches.lines import Examination, Line, Range, Splitter, decoded
from thinmesh_pipelines.batches.parts import Keeper, Parts
from thinmesh_pipelines.batches.results import Result, answered, missed
from thinmesh_pipelines.batches.task import Counted, Examined, Gathered, Gathering, Task
from thinmesh_pipelines.batches.usage import Used, used
from thinmesh_pipelines.files.files import Files, Writing
from thinmesh_pipelines.files.record import GIVEN, new_id
from thinmesh_pipelines.files.vault import Vault
from thinmesh_pipelines.heartbeat import beating
from thinmesh_pipelines.payloads.objects import StoreUnavailableError
from thinmesh_pipelines.payloads.place import Place
from thinmesh_pipelines.steps import told

KEEP_SECONDS = 1.0
"""How long a result may wait to be kept: a worker that dies loses no more."""


class BatchSteps:
    """Temporal's activities. Each may be lost and made again at any point, and nothing is there twice."""

    def __init__(self, asking: Asking, vault: Vault, files: Files) -> None:
        self._asking = asking
        self._vault = vault
        self._files = files

    def all(self) -> list[Callable[..., Any]]:
        """All of them."""
        return [self.examine, self.lines, self.gather, self.discard]

    @activity.defn(name="examine")
    async def examine(self, task: Task) -> Examined:
        """Looks at all of the file."""
        found = Examination(task.endpoint)
        async with _failing(), beating(), aclosing(self._lines(task, 0, None)) as lines:
            async for several in lines:
                await asyncio.to_thread(_examine, found, several)
                if found.over:
                    break
            found.end()
        return Examined(found.errors, [] if found.errors else found.ranges)

    @activity.defn(name="lines")
    async def lines(self, task: Task, index: int, part: Range) -> Counted:
        """Asks what a range's lines ask for, each that has no result yet."""
        parts = self._parts(task)
        counts = {True: 0, False: 0}
        async with _failing(), beating(lambda: (counts[True], counts[False])):
            seen: set[int] = set()
            async for result in parts.results(index):
                seen.add(result.number)
                counts[result.well] += 1
            left = [one async for one in self._numbered(task, part) if one[0] not in seen]
            keeper = parts.keeper(index)
            try:
                await self._ask_all(task, left, keeper, counts)
            finally:
                await keeper.keep()
        return Counted(counts[True], counts[False])

    @activity.defn(name="gather")
    async def gather(self, task: Task, ranges: list[Range], gathering: Gathering) -> Gathered:
        """Writes the files; a line that is missing has an error that says why."""
        tenant, job_id, created = task.owner.tenant, task.job_id, gathering.created
        written = {
            well: self._files.writing(tenant, new_id(created, f"{tenant}/{job_id}/{well}".encode())) for well in (True, False)
        }
        counts, took = {True: 0, False: 0}, Used()
        async with _failing(), beating(lambda: (counts[True], counts[False])):
            for index, part in enumerate(ranges):
                async with aclosing(self._results(task, index, part, gathering.missing)) as results:
                    async for result in results:
                        counts[result.well] += 1
                        if result.well:
                            took += used(result.line)
                        await written[result.well].write(result.line)
            output = await _kept(written[True], f"{job_id}_output.jsonl", gathering)
            errors = await _kept(written[False], f"{job_id}_errors.jsonl", gathering)
        return Gathered(Counted(counts[True], counts[False]), output, errors, took)

    @activity.defn(name="discard")
    async def discard(self, task: Task) -> None:
        """Removes what the files were written from."""
        async with _failing(), beating():
            await self._parts(task).drop()

    async def _ask_all(self, task: Task, left: list[tuple[int, Line]], keeper: Keeper, counts: dict[bool, int]) -> None:
        """Asks lines, several at once."""
        if not left:
            return
        lines = iter(left)
        try:
            async with asyncio.TaskGroup() as tasks:
                keeping = tasks.create_task(_keep(keeper))
                asking = [tasks.create_task(self._ask(task, lines, keeper, counts)) for _ in range(task.lines)]
                await asyncio.wait(asking)
                keeping.cancel()
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _ask(self, task: Task, lines: Iterator[tuple[int, Line]], keeper: Keeper, counts: dict[bool, int]) -> None:
        """Asks one line after the other, of those that others leave."""
        for number, line in lines:
            step = task.step(number)
            answer = await self._asking.answer(task.owner, step, task.endpoint, bytes(line.body))
            result = answered(step, number, line.custom_id, answer)
            await keeper.add(result)
            counts[result.well] += 1

    async def _results(self, task: Task, index: int, part: Range, missing: str | None) -> AsyncGenerator[Result, None]:
        """The results of a range; where some are missing that may be, the reason in their place."""
        seen: set[int] = set()
        async for result in self._parts(task).results(index):
            seen.add(result.number)
            yield result
        if len(seen) < part.lines:
            if missing is None:
                raise MeshError(Reason.INTERNAL, "Results of a batch are missing in the store of payloads.")
            try:
                async for number, line in self._numbered(task, part):
                    if number not in seen:
                        yield missed(task.step(number), number, line.custom_id, missing)
            except MeshError as error:
                if error.reason is not Reason.NOT_FOUND:  # the file is gone, and with it what those lines were called
                    raise

    async def _numbered(self, task: Task, part: Range) -> AsyncGenerator[tuple[int, Line], None]:
        """A range's lines with their numbers."""
        number = part.first
        async with aclosing(self._lines(task, part.start, part.length)) as lines:
            async for several in lines:
                for text in several:
                    if text.strip():
                        yield number, decoded(text)
                        number += 1

    async def _lines(self, task: Task, start: int, length: int | None) -> AsyncGenerator[list[bytes], None]:
        """The file's lines as they come, several at a time."""
        tenant, splitter = task.owner.tenant, Splitter()
        record = await self._files.get(tenant, task.file_id)
        async with aclosing(self._files.content(tenant, record, start, length)) as pieces:
            async for piece in pieces:
                yield await asyncio.to_thread(_split, splitter, piece)
        yield list(splitter.rest())

    def _parts(self, task: Task) -> Parts:
        return Parts(self._vault, Place(task.owner.tenant, task.job_id))


def _split(splitter: Splitter, piece: bytes) -> list[bytes]:
    return list(splitter.add(piece))


def _examine(found: Examination, lines: list[bytes]) -> None:
    for text in lines:
        found.add(text)


async def _kept(written: Writing, name: str, gathering: Gathering) -> str | None:
    """The id of the file; None where it would be empty."""
    if not written.size:
        return None
    return (await written.keep(name, GIVEN, gathering.created, gathering.seconds)).id


async def _keep(keeper: Keeper) -> None:
    while True:
        await asyncio.sleep(KEEP_SECONDS)
        await keeper.keep()


@asynccontextmanager
async def _failing() -> AsyncIterator[None]:
    """Says in Temporal's words why a step fails: what an operator can mend is tried again."""
    try:
        yield
    except MeshError as error:
        raise told(error) from error
    except StoreUnavailableError as error:
        raise ApplicationError("The store of payloads.store does not answer.", type=Reason.INTERNAL.name) from error
