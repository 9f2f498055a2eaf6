"""`thinmesh doctor`, run as an operator runs it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from launch import ECHO, flags, output


async def doctor(config: str, state: Path) -> tuple[int, dict[str, dict[str, str]]]:
    """Its exit code, and what it found by where that is; of several things in one place the worst."""
    file = state / "thinmesh.yaml"
    file.write_text(config)
    code, out, _ = await output("doctor", "--json", *flags(file, state))
    return code, {one["where"]: one for one in reversed(json.loads(out))}


async def test_a_port_that_another_program_holds_is_told_with_that_programs_name(state: Path) -> None:
    state.chmod(0o700)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, found = await doctor(ECHO + f'listen: {{http: "127.0.0.1:{port}", grpc: "127.0.0.1:0"}}\n', state)
    assert (code, found["listen.http"]["level"]) == (1, "wrong")
    assert f"127.0.0.1:{port} is taken by" in found["listen.http"]["what"]
    assert found["state folder"]["level"] == "ok"


async def test_a_wrong_file_is_told_by_its_key_and_the_rest_is_looked_at_all_the_same(state: Path) -> None:
    code, found = await doctor(ECHO + "modles: {}\n", state)
    assert (code, "modles" in found["thinmesh.yaml"]["what"]) == (1, True)
    assert found["versions"]["level"] == "ok"
