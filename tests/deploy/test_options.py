"""What the commands that read the audit log have in common."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from thinmesh_deploy.cli import app


@pytest.mark.parametrize("command", [["usage"], ["trace", "req-1"], ["audit", "list"], ["audit", "verify"]])
def test_a_folder_without_a_mesh_is_told_and_not_made(tmp_path: Path, command: list[str]) -> None:
    nowhere = tmp_path / "mistyped"
    ended = CliRunner().invoke(app, [*command, "--state", str(nowhere)])
    assert ended.exit_code == 2
    assert "is --state the mesh's?" in ended.output
    assert not nowhere.exists()


def test_usage_is_asked_for_up_to_the_last_day_there_is(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["usage", "--until", "9999-12-31", "--state", str(tmp_path)])
    assert (ended.exit_code, ended.exception) == (0, None)
