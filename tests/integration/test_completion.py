"""What a shell is offered while a command is typed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

CONFIG = """
tenants: {dev: {}, search-team: {}}
backends: {echo: {adapter: echo}}
models: {chat: {backends: [echo], aliases: [charon]}, other: {backends: [echo]}}
"""


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("thinmesh diag", ["diagnose"]),
        ("thinmesh diagnose slow --config FILE ch", ["charon", "chat"]),
        ("thinmesh key create --config FILE --tenant s", ["search-team"]),
        ("thinmesh drain --config FILE e", ["echo"]),
        ("thinmesh drain --config /none.yaml e", []),
    ],
)
async def test_commands_and_the_names_of_the_file_are_completed(state: Path, line: str, offered: list[str]) -> None:
    (state / "thinmesh.yaml").write_text(CONFIG)
    words = line.replace("FILE", str(state / "thinmesh.yaml"))
    asked = {"_THINMESH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    command = Path(sys.executable).with_name("thinmesh")  # its name is what the shell knows
    process = await asyncio.create_subprocess_exec(command, env=os.environ | asked, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.decode().split() == offered
