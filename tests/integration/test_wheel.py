"""The stub wheel stands alone, and the README's clients work as they are written there."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from launch import ECHO, Running, mesh, uv

ROOT = Path(__file__).parents[2]
CLIENTS: list[str] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    state = tmp_path_factory.mktemp("s")
    async with mesh(ECHO.replace("parrot", "smollm2"), state, "up") as running:
        yield running


def client(which: str, running: Running) -> str:
    """The README's client, with this mesh's addresses and key in the place of the default ones."""
    code = next(code for code in CLIENTS if which in code)
    code = code.replace("http://127.0.0.1:8080", running.http).replace("127.0.0.1:8081", running.grpc)
    return code.replace(".thinmesh/dev-key", str(running.state / "dev-key"))


async def run(*command: str) -> str:
    """A command's standard output; its standard error is in the failure's text."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd="/", env=os.environ | {"PYTHONPATH": ""}
    )
    async with asyncio.timeout(100):
        out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return out.decode()


async def test_the_stub_wheel_streams_from_an_empty_environment(running: Running, tmp_path: Path) -> None:
    tool = uv()
    await run(tool, "build", "--quiet", "--wheel", "--out-dir", str(tmp_path), str(ROOT / "protos"))
    await run(tool, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv"))
    python = str(tmp_path / "venv" / "bin" / "python")
    wheel = next(tmp_path.glob("thinmesh_protos-*.whl"))
    await run(tool, "pip", "install", "--quiet", "--python", python, str(wheel))
    installed = await run(tool, "pip", "list", "--python", python, "--format", "freeze")
    assert {line.partition("==")[0] for line in installed.split()} <= {
        "grpcio",
        "protobuf",
        "thinmesh-protos",
        "typing-extensions",
    }
    code = client("StreamGenerate", running)
    assert len(code.strip().splitlines()) <= 11
    assert await run(python, "-c", code) == "Write two sentences about the sea."


async def test_the_openai_client_of_the_readme_streams(running: Running) -> None:
    assert await run(sys.executable, "-c", client("OpenAI(", running)) == "Write two sentences about the sea."
