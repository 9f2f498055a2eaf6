"""Each image's packages are enough for its process: installed as the Dockerfile says, without Docker."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from canaries import PROMPT
from launch import ECHO, ROOT, command, flags, output, said, uv

BUILT = re.compile(r"^FROM sources AS (\w+)-built\nRUN uv (sync .*)$", re.MULTILINE)
TARGETS: dict[str, str] = dict(BUILT.findall((ROOT / "deploy" / "docker" / "Dockerfile").read_text()))

OURS_ANEW = ("--reinstall-package", "thinmesh", "--reinstall-package", "thinmesh-protos")
"""uv would take wheels of ours that it built of sources from before."""

SERVING = {"adapter": ("adapter", "run", "echo"), "router": ("router",), "gateway": ("gateway", "--grpc", "127.0.0.1:0")}
EDGE = """
edge: {certificate: /run/secrets/edge.pem, key: /run/secrets/edge.key, access_log: "off"}
jobs: {temporal: "127.0.0.1:9"}
"""


async def installed(target: str, folder: Path) -> str:
    """The Python of an environment that has what the target's image has."""
    process = await asyncio.create_subprocess_exec(
        *(uv(), *TARGETS[target].split(), "--quiet", "--python", sys.executable, *OURS_ANEW),
        cwd=ROOT,
        env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(folder)},
    )
    async with asyncio.timeout(300):
        assert await process.wait() == 0
    return str(folder / "bin" / "python")


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_a_call_goes_through_processes_that_have_their_images_packages_alone(state: Path, tmp_path: Path) -> None:
    file = state / "thinmesh.yaml"
    file.write_text(ECHO + EDGE)
    assert set(TARGETS) == {*SERVING, "worker", "edge"}
    code, key, error = await output("key", "create", "--tenant", "dev", *flags(file, state))
    assert code == 0, error
    at = ""
    async with AsyncExitStack() as stack:
        for target, arguments in SERVING.items():
            python = await installed(target, tmp_path / target)
            more = ("--http", "127.0.0.1:0", "--admin", "127.0.0.1:0") if target == "gateway" else ()
            process = await stack.enter_async_context(command(*arguments, *flags(file, state), *more, python=python))
            at = (await said(process, r"REST (\S+)/v1|gRPC unix:"))[1]
        client = await stack.enter_async_context(aiohttp.ClientSession(headers={"authorization": f"Bearer {key.strip()}"}))
        async with client.post(f"{at}/v1/completions", json={"model": "echo", "prompt": PROMPT}) as answer:
            told = await answer.json()
            assert answer.status == 200, told
            assert told["choices"][0]["text"] == PROMPT


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_the_worker_and_the_edge_begin_with_their_images_packages_alone(state: Path, tmp_path: Path) -> None:
    file = state / "thinmesh.yaml"
    file.write_text(ECHO + EDGE)
    async with command("worker", *flags(file, state), python=await installed("worker", tmp_path / "worker")) as worker:
        await said(worker, "worker: gRPC")
    conf = tmp_path / "nginx.conf"
    python = await installed("edge", tmp_path / "edge")
    async with command("render", "nginx", *flags(file, state), "--into", str(conf), python=python) as rendering:
        await said(rendering, "is written")
    assert "ssl_certificate" in conf.read_text()
