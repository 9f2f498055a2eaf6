"""Where a part listens: what stands in its way stays."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from thinmesh_core.address import parse
from thinmesh_core.config import ConfigError


def test_only_a_socket_makes_room_for_a_socket(tmp_path: Path) -> None:
    file, left = tmp_path / "file", tmp_path / "left.sock"
    file.write_text("precious")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(left))
    for path in (file, left, tmp_path, tmp_path / "new.sock"):
        parse(f"unix:{path}").free()
    assert (file.read_text(), left.exists(), tmp_path.is_dir()) == ("precious", False, True)


@pytest.mark.parametrize("port", ["65536", "1" * 5000, "x", ""])
def test_what_is_no_port_is_told_however_long_it_is(port: str) -> None:
    with pytest.raises(ConfigError, match="is no address"):
        parse(f"127.0.0.1:{port}")
