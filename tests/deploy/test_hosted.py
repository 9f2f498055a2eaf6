"""Adapters beside the mesh: what a new configuration replaces, and what it leaves alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from thinmesh_core.config import ConfigError
from thinmesh_deploy.children import Children
from thinmesh_deploy.config import Setting, read
from thinmesh_deploy.hosted import Hosting


def setting(tmp_path: Path, **more: Any) -> Setting:
    file = tmp_path / "thinmesh.yaml"
    whole = {"tenants": {}, "backends": {"echo": {"adapter": "echo"} | more}, "models": {"echo": {"backends": ["echo"]}}}
    file.write_text(yaml.safe_dump(whole))
    return read(file, tmp_path / "state")


async def test_an_option_replaces_an_adapter_and_what_only_renders_read_does_not(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as tasks:
        hosting = Hosting(tasks, Children(tmp_path, "info"))
        assert hosting.start(setting(tmp_path)) == []
        assert hosting.start(setting(tmp_path, deploy={"memory": "2Gi"})) == []
        (ended,) = hosting.start(setting(tmp_path, options={"delay_ms": 1}))
        hosting.end([ended])
        hosting.end_all()


async def test_where_the_childrens_copy_of_the_file_cant_be_written_nothing_is_started(tmp_path: Path) -> None:
    asked = setting(tmp_path)
    new = asked.running.with_name(f"{asked.running.name}.new")
    new.mkdir()
    async with asyncio.TaskGroup() as tasks:
        hosting = Hosting(tasks, Children(tmp_path, "info"))
        with pytest.raises(ConfigError, match="can't be written"):
            hosting.start(asked)
        assert not hosting.servers
        new.rmdir()
        hosting.start(asked)
        assert asked.running.read_text() == asked.path.read_text()
        hosting.end_all()


async def test_children_read_what_was_put_in_force_though_the_file_has_changed_since(tmp_path: Path) -> None:
    asked = setting(tmp_path)
    asked.path.write_text("tenants: [")
    async with asyncio.TaskGroup() as tasks:
        hosting = Hosting(tasks, Children(tmp_path, "info"))
        hosting.start(asked)
        assert read(asked.running, asked.state).config == asked.config
        hosting.end_all()
