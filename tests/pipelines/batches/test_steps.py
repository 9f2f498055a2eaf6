"""The steps of a batch: its file is cut beside the loop, and what was answered is given, whatever became of the rest."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import create_autospec

import pytest
from temporalio.testing import ActivityEnvironment
from thinmesh.gateway.v1 import openai_service_pb2 as pb

from thinmesh_core.priority import Priority
from thinmesh_pipelines.batches.asking import Asking
from thinmesh_pipelines.batches.lines import Range, Splitter
from thinmesh_pipelines.batches.parts import Parts
from thinmesh_pipelines.batches.results import FAILED, answered
from thinmesh_pipelines.batches.steps import BatchSteps
from thinmesh_pipelines.batches.task import Counted, Gathering, Task
from thinmesh_pipelines.files.config import FilesConfig
from thinmesh_pipelines.files.files import Files
from thinmesh_pipelines.files.record import MINE, Record, new_id
from thinmesh_pipelines.files.vault import Vault
from thinmesh_pipelines.job import Owner
from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.payloads.keys import KeyRing
from thinmesh_pipelines.payloads.objects import objects
from thinmesh_pipelines.payloads.place import Place

URL = "/v1/embeddings"
LINES = b"".join(
    json.dumps({"custom_id": name, "method": "POST", "url": URL, "body": {}}).encode() + b"\n" for name in ("a", "b")
)


async def uploaded(files: Files) -> Record:
    writing = files.writing("acme", new_id(time.time(), b""))
    await writing.write(LINES)
    return await writing.keep("lines.jsonl", MINE, int(time.time()), 3600)


async def test_a_file_is_cut_into_lines_beside_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault(KeyRing(tmp_path), objects(PayloadsConfig(), tmp_path))
    files = Files(vault, FilesConfig())
    task = Task("job-1", Owner("acme", "somebody", (), key=True, priority=Priority.BATCH), (await uploaded(files)).id, URL, 1)
    threads: list[threading.Thread] = []
    add = Splitter.add

    def adding(splitter: Splitter, data: bytes) -> Iterator[bytes]:
        threads.append(threading.current_thread())
        return add(splitter, data)

    monkeypatch.setattr(Splitter, "add", adding)
    steps = BatchSteps(create_autospec(Asking, instance=True), vault, files)
    examined = await ActivityEnvironment().run(steps.examine, task)
    assert examined.ranges == [Range(0, len(LINES), 1, 2)]
    assert threads
    assert threading.current_thread() not in threads


async def test_what_was_answered_is_given_though_the_batchs_file_is_removed(tmp_path: Path) -> None:
    vault = Vault(KeyRing(tmp_path), objects(PayloadsConfig(), tmp_path))
    files = Files(vault, FilesConfig())
    file = await uploaded(files)
    task = Task("job-1", Owner("acme", "somebody", (), key=True, priority=Priority.BATCH), file.id, URL, 1)
    keeper = Parts(vault, Place("acme", "job-1")).keeper(0)
    await keeper.add(answered(task.step(1), 1, "a", pb.RestAnswer(status=200, body=b"{}")))
    await keeper.keep()
    steps = BatchSteps(create_autospec(Asking, instance=True), vault, files)
    gathering = Gathering(int(time.time()), 3600, FAILED)

    for left in (Counted(1, 1), Counted(1, 0)):
        gathered = await ActivityEnvironment().run(steps.gather, task, [Range(0, len(LINES), 1, 2)], gathering)
        assert (gathered.counted, gathered.error_file_id is None) == (left, not left.failed)
        assert gathered.output_file_id is not None
        output = await files.get("acme", gathered.output_file_id)
        (line,) = b"".join([piece async for piece in files.content("acme", output)]).splitlines()
        assert json.loads(line)["custom_id"] == "a"
        if left.failed:
            await files.remove("acme", file.id)
