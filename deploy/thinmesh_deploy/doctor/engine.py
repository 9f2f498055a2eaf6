"""Why an engine does not answer, as far as its address tells."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from thinmesh_core import address
from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import BackendEntry

SECONDS = 2.0

PORTS = {"http": 80, "https": 443}


async def trouble(entry: BackendEntry, said: str) -> tuple[str, str]:
    """What is the matter with a backend whose adapter says this, and what to do."""
    where = engine_address(entry.options)
    if where is None or not _here(entry):
        return said or "its engine does not answer", "look into the log of its adapter"
    key, host, port = where
    at = f"{host}:{port}"
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        return f"its engine is down: nothing listens at {at}", f"start the engine, or correct options.{key}"
    except TimeoutError:
        return f"its engine's machine does not answer at {at}", "is the machine up, and does a firewall let this one through?"
    except OSError as error:
        return f"its engine can't be reached at {at}: {error.strerror}", f"correct options.{key}"
    writer.close()
    return f"its engine takes connections at {at}, but: {said or 'it does not answer'}", "look into the engine's log"


def engine_address(options: dict[str, Any]) -> tuple[str, str, int] | None:
    """The option that says where the engine is, and the host and port that it says."""
    match options:
        case {"base_url": str(text)}:
            url = urlsplit(text)
            return ("base_url", url.hostname, url.port or PORTS.get(url.scheme, 80)) if url.hostname else None
        case {"address": str(text)}:
            try:
                at = address.parse(text)
            except ConfigError:
                return None
            return None if at.host is None else ("address", at.host, at.port)
    return None


def _here(entry: BackendEntry) -> bool:
    """Whether the adapter, and so its view of the engine's address, is this machine's."""
    return entry.address is None or address.parse(entry.address).local
