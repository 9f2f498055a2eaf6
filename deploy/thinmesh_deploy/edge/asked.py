"""Asking a worker behind its socket what it says at its admin port."""

from __future__ import annotations

import asyncio
from pathlib import Path

SECONDS = 2.0
"""What it may take to answer."""


async def ask(socket: Path, path: str) -> tuple[int, str]:
    """The status and the body; OSError, TimeoutError or ValueError where there is none."""
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_unix_connection(socket)
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n".encode())
            head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
        finally:
            writer.close()
    if f"content-length: {len(body)}".encode() not in head.lower():
        raise ValueError("it ended within its answer")
    return int(head.split(b" ", 2)[1]), body.decode()
