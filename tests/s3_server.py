"""A real S3 server in a process of its own, which holds its callers to their signatures."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engines.serving import free_port

COMMAND = Path(sys.executable).with_name("nanio")
BUCKET = "mesh"
START_SECONDS = 20.0


@asynccontextmanager
async def s3_server(folder: Path) -> AsyncIterator[dict[str, str]]:
    """Starts one with an empty bucket in `folder`, and gives the environment that reaches it; kills it on the way out."""
    (folder / BUCKET).mkdir()
    port, key, secret = free_port(), "test-key", "test-secret"
    flags = ["--host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder), "--region", "eu-test-1"]
    known = os.environ | {"NANIO_ACCESS_KEY": key, "NANIO_SECRET_KEY": secret}
    with (folder / "server.log").open("wb") as said:
        process = await asyncio.create_subprocess_exec(str(COMMAND), "serve", *flags, env=known, stdout=said, stderr=said)
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _listens(port):
                assert process.returncode is None, (folder / "server.log").read_text()
                await asyncio.sleep(0.05)
        yield {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": "eu-test-1",
            "AWS_ENDPOINT": f"http://127.0.0.1:{port}",
            "AWS_ALLOW_HTTP": "true",
        }
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
