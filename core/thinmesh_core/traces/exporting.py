"""Whether a process makes spans: the library is imported only where traces are configured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from thinmesh_core.config import ConfigError
from thinmesh_core.traces.config import TracesConfig
from thinmesh_core.traces.spans import install, off


@asynccontextmanager
async def exporting(config: TracesConfig | None, service: str) -> AsyncIterator[None]:
    """Makes and sends spans meanwhile, in the name of a service; ConfigError where the library is missing."""
    if config is None:
        yield
        return
    try:
        from thinmesh_core.traces.otlp import Otlp  # noqa: PLC0415  # the extra `otlp`
    except ImportError as error:
        raise ConfigError("traces: install the extra `otlp`, or leave it out") from error
    otlp = Otlp(config, service)
    install(otlp.begin)
    try:
        yield
    finally:
        install(off)
        await asyncio.to_thread(otlp.close)
