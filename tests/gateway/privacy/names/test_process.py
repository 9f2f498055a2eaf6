"""The process that finds names: the real one once, and small ones that die, freeze or talk nonsense."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import pytest

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.privacy.names import judge
from thinmesh_gateway.privacy.names import process as module
from thinmesh_gateway.privacy.names.process import NamesProcess
from thinmesh_gateway.privacy.places import Place

FAKE = """
import os, sys
from thinmesh_gateway.privacy.names.frames import *
out = sys.stdout.buffer
def say(number, places):
    out.write(frame(Answered(number, places)))
    out.flush()
say(0, [])
while head := sys.stdin.buffer.read(4):
    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(length(head)), type=Asked)
    if "perish" in asked.texts:
        os._exit(3)
    if "babble" in asked.texts:
        out.write(b"\\xff" * 99)
        out.flush()
    if "freeze" not in asked.texts:
        say(asked.number, [[(0, len(text))] for text in asked.texts])
"""


@asynccontextmanager
async def following(process: NamesProcess) -> AsyncIterator[NamesProcess]:
    """One that is kept running."""
    process.want()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(process.follow())
        await until(lambda: process.trouble is None)
        yield process
        task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small process in the real one's place."""
    monkeypatch.setattr(module, "COMMAND", (sys.executable, "-c", FAKE))


async def refused(process: NamesProcess, *texts: str) -> str:
    """What it says instead."""
    with pytest.raises(MeshError) as raised:
        await process.find(texts)
    assert (raised.value.reason, raised.value.row.retryable) == (Reason.GUARDRAIL_UNAVAILABLE, True)
    assert not any(text in raised.value.message for text in texts)
    return raised.value.message


async def test_the_real_one_finds_names_dies_and_comes_back() -> None:
    process = NamesProcess()
    texts = ["성명: 김민준", "김민준이 왔다", "서울시 강남구", "가나다\n" * 5000 + "이서연 과장"]
    expected = {texts[0]: [(4, 7)], texts[1]: [(0, 3)], texts[2]: [], texts[3]: [(20000, 20003)]}
    async with following(process):
        assert await process.find(texts) == expected
        os.kill(process_id(process), signal.SIGKILL)
        await until(lambda: process.trouble is not None)
        assert "is not ready" in await refused(process, "성명: 김민준")
        await until(lambda: process.trouble is None)
        assert await process.find(texts) == expected


def process_id(process: NamesProcess) -> int:
    assert process._process is not None
    return process._process.pid


async def test_names_that_stand_once_more_are_looked_for_beside_the_loop(fake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def repeated(texts: Sequence[str], known: frozenset[str]) -> Iterator[list[Place]]:
        threads.append(threading.current_thread())
        return judge.repeated(texts, known)

    monkeypatch.setattr(module, "repeated", repeated)
    async with following(NamesProcess()) as process:
        assert await process.find(["김민준"]) == {"김민준": [(0, 3)]}
    assert threads
    assert threading.current_thread() not in threads


async def test_none_runs_until_it_is_wanted() -> None:
    process = NamesProcess()
    assert process.trouble is None
    assert "is not ready" in await refused(process, "이름")


@pytest.mark.usefixtures("fake")
async def test_what_waits_for_one_that_dies_is_refused_at_once() -> None:
    async with following(NamesProcess()) as process:
        assert "died" in await refused(process, "perish")
        await until(lambda: process.trouble is None)
        assert await process.find(["가"]) == {"가": [(0, 1)]}


@pytest.mark.usefixtures("fake")
async def test_one_that_talks_nonsense_is_ended_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    async with following(NamesProcess()) as process:
        assert "died" in await refused(process, "babble")
        await until(lambda: process.trouble is None)
    assert "nobody understands" in caplog.text
    assert "babble" not in caplog.text


@pytest.mark.usefixtures("fake")
async def test_one_that_is_too_slow_costs_its_time_limit_and_stuck_it_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(module, "STUCK_SECONDS", 0.3)
    async with following(NamesProcess()) as process:
        first = process_id(process)
        assert "is too slow" in await refused(process, "freeze")
        await until(lambda: process.trouble is not None)
        await until(lambda: process.trouble is None)
        assert process_id(process) != first


@pytest.mark.usefixtures("fake")
async def test_no_more_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 0)
    async with following(NamesProcess()) as process:
        assert "too much to do" in await refused(process, "가")


async def test_one_that_can_not_be_started_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "COMMAND", ("/nowhere/names",))
    process = NamesProcess()
    process.want()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(process.follow())
        await until(lambda: caplog.text.count("can't be started") > 1)
        assert process.trouble is not None
        task.cancel()
