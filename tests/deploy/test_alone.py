"""One mesh at a place: a second changes nothing, and is told where it may be."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from typer.testing import CliRunner

from thinmesh_core.config import ConfigError
from thinmesh_deploy import cli
from thinmesh_deploy.alone import alone
from thinmesh_deploy.config import DEFAULT, Setting, read
from thinmesh_deploy.process import Main, Signals


def setting(tmp_path: Path, router: str | None = None) -> Setting:
    file = tmp_path / "thinmesh.yaml"
    file.write_text(DEFAULT.read_text() + ("" if router is None else f'listen: {{router: "{router}"}}\n'))
    return read(file, tmp_path / "state")


async def running(tasks: asyncio.TaskGroup, one: Setting) -> Signals:
    """A mesh that runs there until it is told to stop."""
    begun, signals = asyncio.Event(), Signals()

    async def main(told: Signals) -> None:
        begun.set()
        await told.stop.wait()

    tasks.create_task(alone(one, main, signals))
    await begun.wait()
    return signals


@pytest.mark.parametrize("router", [None, "127.0.0.1:7000"])
async def test_a_second_mesh_with_the_same_state_folder_does_not_begin(tmp_path: Path, router: str | None) -> None:
    one, main = setting(tmp_path, router), AsyncMock()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        first = await running(tasks, one)
        with pytest.raises(ConfigError, match=f"state folder {re.escape(str(one.state))} already"):
            await alone(one, main, Signals())
        first.stop.set()
    main.assert_not_awaited()
    await alone(one, main, Signals())
    main.assert_awaited_once()


async def test_meshes_whose_routers_have_places_of_their_own_may_share_one(tmp_path: Path) -> None:
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for name in ("one", "two"):
            (await running(tasks, setting(tmp_path, f"unix:{tmp_path}/state/run/{name}.sock"))).stop.set()


@pytest.mark.parametrize("flags", [(), ("--edge",), ("--lifeline",)])
def test_whoever_starts_a_mesh_starts_it_alone_but_a_worker_of_the_edge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    one, ran = setting(tmp_path), list[Main]()

    def run(main: Main, **_: object) -> None:
        ran.append(main)

    monkeypatch.setattr(cli, "run", run)
    CliRunner().invoke(cli.app, ["up", *flags, "--config", str(one.path), "--state", str(one.state)], catch_exceptions=False)
    (main,) = ran
    assert isinstance(main, partial)
    assert (main.func is alone) == (flags != ("--lifeline",))
