"""The files that `thinmesh up --edge` puts down for workers and nginx."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import Setting, read
from thinmesh_deploy.edge import supervisor
from thinmesh_deploy.edge.derived import fronted
from thinmesh_deploy.edge.found import Nginx
from thinmesh_deploy.edge.supervisor import Supervisor
from thinmesh_deploy.hosted import Hosting

TEXT = """
tenants: {dev: {}}
backends: {echo: {adapter: echo}}
models: {echo: {backends: [echo]}}
"""


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    file = tmp_path / "thinmesh.yaml"
    file.write_text(TEXT)
    return fronted(read(file, tmp_path / "state"), (tmp_path / "edge.pem", tmp_path / "edge.key"), None, None)


@pytest.fixture
async def one(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Supervisor]:
    """One that has two workers and has started nothing yet."""
    monkeypatch.setattr(supervisor, "find", lambda: Nginx(Path("nginx"), (1, 22)))
    found = Supervisor(setting, 2, "info")
    async with asyncio.TaskGroup() as tasks:
        found._hosting = Hosting(tasks, found._children)
        yield found
        found._hosting.end_all()


async def test_nginx_becomes_who_we_are_whatever_the_environment_says(
    one: Supervisor, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    one._write(setting)
    assert f"user {pwd.getpwuid(0).pw_name};" in one._conf.read_text().replace('"', "")


async def test_where_a_file_cant_be_written_all_stay_as_they_were(one: Supervisor, setting: Setting) -> None:
    one._write(setting)
    files = {path: path.read_text() for path in (one._files / "1.yaml", one._files / "2.yaml", one._conf)}
    other = replace(setting, text=TEXT.replace("models:", "log: {access: false}\nmodels:"))
    (one._files / "2.new").mkdir()
    with pytest.raises(ConfigError, match="can't be written"):
        one._write(other)
    assert {path: path.read_text() for path in files} == files
    (one._files / "2.new").rmdir()
    one._write(other)
    assert (one._files / "1.yaml").read_text() != files[one._files / "1.yaml"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TEXT.replace("{adapter: echo}", "{adapter: echo, options: {bogus: 1}}"), "bogus"),
        (TEXT.replace("{dev: {}}", "{dev: {guardrails: [{name: gone, when: [before]}]}}"), "gone"),
        (TEXT.replace("{dev: {}}", "{dev: {webhooks: [{url: 'https://a.example/', secret_env: NOT_SET}]}}"), "NOT_SET"),
    ],
    ids=["an adapter of theirs", "a policy", "a webhook"],
)
async def test_what_workers_would_refuse_is_refused_before_anything_is_changed(
    one: Supervisor, setting: Setting, text: str, told: str
) -> None:
    one._start(setting)
    one._write(setting)
    setting.path.write_text(text + "jobs: {}\n")
    new = read(setting.path, setting.state)
    files = {path: path.read_text() for path in (*one._files.iterdir(), one._conf, setting.running)}
    with pytest.raises(ConfigError, match=told):
        await one._apply(new)
    assert {path: path.read_text() for path in files} == files


async def test_workers_read_what_was_put_in_force_though_the_file_has_changed_since(one: Supervisor, setting: Setting) -> None:
    setting.path.write_text("tenants: [")
    one._write(setting)
    assert '"echo"' in (one._files / "1.yaml").read_text()
