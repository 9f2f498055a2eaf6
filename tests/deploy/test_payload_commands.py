"""The commands for what jobs carry."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from thinmesh_deploy.cli import app
from thinmesh_pipelines.payloads.keys import FILE, KeyRing


def test_rotate_adds_a_key_that_a_running_worker_takes_up(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    first = ring.newest
    ended = CliRunner().invoke(app, ["payload", "rotate", "--state", str(tmp_path)])
    assert ended.exit_code == 0
    assert ring.newest != first
    assert ring.newest.id in ended.output
    assert ring.newest.secret.hex() not in ended.output
    assert ring.find(first.id) == first


def test_rotate_in_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["payload", "rotate", "--state", str(tmp_path / "none")])
    assert ended.exit_code != 0
    assert FILE in ended.output
    assert "Traceback" not in ended.output
