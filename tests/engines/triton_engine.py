"""A real Triton for tests: NVIDIA's own server out of the nvidia-pytriton wheel, with the models beside this file."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engines.serving import free_port, until_serving

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".engines" / "triton"
MODELS = Path(__file__).parent / "triton_models"
START_SECONDS = 90.0
STOP_SECONDS = 10.0


@asynccontextmanager
async def triton_engine(folder: Path) -> AsyncIterator[str]:
    """Serves the test models until left; gives its gRPC address. Logs and the models' own marks go into `folder`."""
    python = ENVIRONMENT / "bin" / "python"
    site, library, version = _interpreter(python)
    server = site / "pytriton" / "tritonserver"
    stub = server / "backends" / "python" / "triton_python_backend_stub"
    if not stub.exists():  # it must lie there: it finds its libraries relative to itself
        shutil.copy(server / "python_backend_stubs" / version / stub.name, stub)
    repository = folder / "models"
    shutil.copytree(MODELS, repository, ignore=shutil.ignore_patterns("__pycache__"))
    ports = [free_port() for _ in range(3)]
    log = folder / "triton.log"
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            str(server / "bin" / "tritonserver"),
            f"--model-repository={repository}",
            f"--backend-directory={server / 'backends'}",
            f"--cache-directory={server / 'caches'}",
            *("--http-address=127.0.0.1", f"--http-port={ports[0]}"),
            *("--grpc-address=127.0.0.1", f"--grpc-port={ports[1]}"),
            *("--metrics-address=127.0.0.1", f"--metrics-port={ports[2]}"),
            env=os.environ
            | {
                "PATH": f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}",
                "PYTHONPATH": str(site),
                "LD_LIBRARY_PATH": f"{library}:{site / 'nvidia_pytriton.libs'}",
                "TRITON_TEST_FOLDER": str(folder),
            },
            stdout=sink,
            stderr=sink,
        )
    try:
        await until_serving(f"127.0.0.1:{ports[1]}", "", process, log, START_SECONDS)
        yield f"127.0.0.1:{ports[1]}"
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _interpreter(python: Path) -> tuple[Path, str, str]:
    """The environment's packages, the folder of the libpython that its interpreter belongs to, and its version."""
    asked = "from sysconfig import *; print(get_path('purelib'), get_config_var('LIBDIR'), get_python_version())"
    told = subprocess.run([str(python), "-c", asked], check=True, capture_output=True, text=True).stdout.split()
    return Path(told[0]), told[1], told[2]
