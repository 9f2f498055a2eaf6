"""llama.cpp's own server, run inside this process by xllamacpp: reachable only through a private unix socket, with a key."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import xllamacpp

PREFILL_BATCH = 128
"""Prompt tokens per step. A cancel, and every other call, wait for a step: 3 s at 512 tokens here, 0.3 s at 128."""

_ERRORS_ONLY = 1


class LlamaServer:
    """The server. `context_length` is in tokens for each of `slots` calls at once; `key` is what it asks for."""

    def __init__(self, model: Path, socket: Path, *, context_length: int, slots: int, threads: int) -> None:
        self.key = secrets.token_hex(32)
        self.socket = socket
        self._server: xllamacpp.Server | None = None
        self._params = params = xllamacpp.CommonParams()
        params.model.path = str(model)
        params.hostnames = [str(socket)]  # a path that ends in .sock is a unix socket: no port is opened
        params.api_keys = [self.key]
        params.n_parallel = slots
        params.n_ctx = context_length * slots
        params.n_batch = params.n_ubatch = PREFILL_BATCH
        params.cpuparams.n_threads = threads
        params.verbosity = _ERRORS_ONLY
        params.ui = False
        params.endpoint_props = False

    async def start(self) -> None:
        """Loads the model, in a thread; it answers when this returns."""
        self.socket.unlink(missing_ok=True)
        self._server = await asyncio.to_thread(xllamacpp.Server, self._params)

    def stop(self) -> None:
        """Ends the server: it lives as long as its object."""
        self._server = None
        self.socket.unlink(missing_ok=True)
