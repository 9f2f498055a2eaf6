"""thinmesh.yaml is replaced as a whole, and never what somebody else wrote meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import DEFAULT
from thinmesh_deploy.model.change import change


def test_what_somebody_else_wrote_meanwhile_stays(tmp_path: Path) -> None:
    file = tmp_path / "thinmesh.yaml"
    file.write_text(DEFAULT.read_text())

    def edit(text: str) -> str:
        file.write_text(text + "# theirs\n")
        return text + "# ours\n"

    with pytest.raises(ConfigError, match="try again"):
        change(file, tmp_path, edit)
    assert file.read_text() == DEFAULT.read_text() + "# theirs\n"


def test_a_link_stays_one_and_the_file_keeps_its_rights(tmp_path: Path) -> None:
    file, link = tmp_path / "real.yaml", tmp_path / "thinmesh.yaml"
    file.write_text(DEFAULT.read_text())
    file.chmod(0o640)
    link.symlink_to(file)
    change(link, tmp_path, lambda text: text + "# ours\n")
    assert link.is_symlink()
    assert (file.read_text()[-7:], file.stat().st_mode & 0o777) == ("# ours\n", 0o640)
