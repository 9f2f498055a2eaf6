"""Following the file: whatever is wrong with it or with us is told, and the next one is put in force."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from thinmesh_deploy import reload
from thinmesh_deploy.config import DEFAULT, Setting, read
from thinmesh_deploy.reload import Reloader


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    file = tmp_path / "thinmesh.yaml"
    file.write_text(DEFAULT.read_text())
    return read(file, tmp_path / "state")


class Applied(asyncio.Event):
    """Set once a configuration is put in force."""

    async def __call__(self, new: Setting) -> None:
        self.set()


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> Applied:
    """What a reloader applies to; the file is looked at often."""
    monkeypatch.setattr(reload, "LOOK_SECONDS", 0.01)
    return Applied()


async def test_a_file_that_yaml_stumbles_over_is_told_and_following_goes_on(setting: Setting, applied: Applied) -> None:
    reloader = Reloader(setting, applied)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        following = tasks.create_task(reloader.follow(asyncio.Event()))
        await asyncio.sleep(0)
        setting.path.write_text(DEFAULT.read_text() + "since: 2026-02-30\n")
        while not reloader.notes():
            await asyncio.sleep(0.01)
        assert "this can't be read as timestamp" in reloader.notes()[0]
        assert not applied.is_set()
        setting.path.write_text(DEFAULT.read_text())
        await applied.wait()
        following.cancel()
    assert not reloader.notes()


async def test_a_defect_of_ours_is_told_like_a_bad_file(setting: Setting, caplog: pytest.LogCaptureFixture) -> None:
    async def apply(new: Setting) -> None:
        raise RuntimeError("a defect")

    reloader = Reloader(setting, apply)
    await reloader.reload()
    assert reloader.notes() == ["the configuration file could not be put in force: RuntimeError('a defect')"]
    assert "a defect" in caplog.text


async def test_what_was_changed_before_following_began_is_put_in_force(setting: Setting, applied: Applied) -> None:
    setting.path.write_text(DEFAULT.read_text() + "grace_seconds: 7\n")
    reloader = Reloader(setting, applied)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        following = tasks.create_task(reloader.follow(asyncio.Event()))
        await applied.wait()
        following.cancel()
    assert reloader.setting.config.grace_seconds == 7
