"""Programs that are kept: started again, ended as they want to be, and nothing of them left."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from thinmesh_deploy import kept
from thinmesh_deploy.kept import Kept, Program, keeping


async def lines(file: Path, count: int) -> list[str]:
    """What was written there, once it is so much."""
    async with asyncio.timeout(10):
        while len(found := file.read_text().splitlines() if file.exists() else []) < count:
            await asyncio.sleep(0.01)
    return found


async def test_one_that_dies_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FIRST_PAUSE_SECONDS", 0.01)
    file = tmp_path / "said"
    one = Kept(Program("it", ("sh", "-c", f"echo $$ >> {file}; exit 3")))
    async with keeping([one]):
        assert len(set(await lines(file, 3))) >= 3


async def test_one_that_refuses_its_configuration_is_not(tmp_path: Path) -> None:
    one = Kept(Program("it", ("sh", "-c", "exit 2"), ours=True))
    async with asyncio.timeout(10):
        await one.keep()
    assert one.refused


async def test_one_that_has_refused_its_configuration_is_started_again_with_another(tmp_path: Path) -> None:
    config, file = tmp_path / "config", tmp_path / "said"
    one = Kept(Program("it", ("sh", "-c", f"test -e {config} || exit 2; echo up >> {file}; read -r _"), ours=True))
    async with keeping([one]):
        async with asyncio.timeout(10):
            while not one.refused:
                await asyncio.sleep(0.01)
        config.touch()
        one.retry()
        await lines(file, 1)
        assert not one.refused


async def test_one_that_refuses_while_another_configuration_is_written_reads_that_one_too(tmp_path: Path) -> None:
    config, file = tmp_path / "config", tmp_path / "said"
    refusing = f"test -e {config} && exec sh -c 'echo up >> {file}; read -r _'; echo read >> {file}; read -r _; exit 2"
    one = Kept(Program("it", ("sh", "-c", refusing), ours=True, end=signal.SIGUSR1))
    async with keeping([one]):
        await lines(file, 1)
        config.touch()
        one.retry()
        assert one._process is not None
        assert one._process.stdin is not None
        one._process.stdin.close()
        assert await lines(file, 2) == ["read", "up"]


async def test_a_strangers_exit_code_says_nothing_of_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FIRST_PAUSE_SECONDS", 0.01)
    again = asyncio.Event()
    one = Kept(Program("it", ("sh", "-c", "exit 2")), again.set)
    async with keeping([one]), asyncio.timeout(10):
        await again.wait()
    assert not one.refused


async def test_one_that_does_not_end_is_killed_as_soon_as_somebody_is_in_a_hurry(tmp_path: Path) -> None:
    file = tmp_path / "said"
    one = Kept(Program("it", ("sh", "-c", f"trap '' TERM; echo up >> {file}; while :; do sleep 0.1; done"), stop_seconds=600))
    running = asyncio.create_task(one.keep())
    await lines(file, 1)
    running.cancel()
    await asyncio.sleep(0)
    one.hurry(0)
    async with asyncio.timeout(10):
        await asyncio.wait([running])


async def test_a_hurry_that_comes_when_it_is_being_killed_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "said"
    one = Kept(Program("it", ("sh", "-c", f"trap '' TERM; echo up >> {file}; while :; do sleep 0.1; done"), stop_seconds=0.05))
    running = asyncio.create_task(one.keep())
    await lines(file, 1)
    running.cancel()
    async with asyncio.timeout(10):
        while not running.done():
            one.hurry(1)
            await asyncio.sleep(0)


async def test_what_it_has_started_ends_with_it(tmp_path: Path) -> None:
    file = tmp_path / "said"
    script = f"sleep 600 & echo $! >> {file}; wait"
    async with keeping([Kept(Program("it", ("sh", "-c", script)))]):
        (child,) = await lines(file, 1)
    async with asyncio.timeout(5):
        while Path(f"/proc/{child}").exists():
            await asyncio.sleep(0.01)


async def test_one_that_cant_be_started_now_is_started_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kept, "FIRST_PAUSE_SECONDS", 0.01)
    start, poor = asyncio.create_subprocess_exec, [errno.EMFILE, errno.EAGAIN, errno.ENOMEM]

    async def starting(*words: str, **how: Any) -> asyncio.subprocess.Process:
        if poor:
            lacking = poor.pop()
            raise OSError(lacking, os.strerror(lacking))
        return await start(*words, **how)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", starting)
    file = tmp_path / "said"
    async with keeping([Kept(Program("it", ("sh", "-c", f"echo up >> {file}; sleep 600")))]):
        await lines(file, 1)
    assert [record.message.partition(";")[0] for record in caplog.records] == [
        f"it can't be started ({os.strerror(lacking)})" for lacking in (errno.ENOMEM, errno.EAGAIN, errno.EMFILE)
    ]


async def test_one_that_is_left_while_it_cant_be_started_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, on = asyncio.Event(), asyncio.Event()

    async def starting(*words: str, **how: Any) -> asyncio.subprocess.Process:
        begun.set()
        await on.wait()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(asyncio, "create_subprocess_exec", starting)
    running = asyncio.create_task(Kept(Program("it", ("true",))).keep())
    await begun.wait()
    running.cancel()
    await asyncio.sleep(0)
    on.set()
    async with asyncio.timeout(10):
        await asyncio.wait([running])
    assert running.cancelled()
