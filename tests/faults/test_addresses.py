"""Backends that come and go, and one that was never there: the configuration changes, and no call fails for it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest
from launch import command, flags, mesh, said
from load import Record, complete, percentile, play, poisson, seconds, session

ENTRY = """\
  {name}:
    address: {address}
    adapter: echo
    options: {{delay_ms: 50}}
"""
BLACK_HOLE = "198.51.100.1:9000"
"""An address of the range that is kept for documents: what is sent there is lost or refused, but never answered."""


def config(backends: dict[str, str]) -> str:
    """A model over these backends."""
    entries = "".join(ENTRY.format(name=name, address=address) for name, address in backends.items())
    return f"tenants: {{dev: {{}}}}\nbackends:\n{entries}models: {{echo: {{backends: [{', '.join(backends)}]}}}}\n"


@pytest.mark.faults
async def test_fault_31_the_list_of_backends_changes(state: Path, record_property: Record) -> None:
    """At 100 calls a second one of two backends is replaced by another, and dead addresses are added -> no call fails."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refuses = f"127.0.0.1:{closed.getsockname()[1]}"
    addresses = {name: f"unix:{state / name}.sock" for name in ("a", "b", "c")}
    a, b, c = ({name: address} for name, address in addresses.items())
    dead = {"refuses": refuses, "hole": BLACK_HOLE}
    (state / "adapters.yaml").write_text(config(addresses))
    async with AsyncExitStack() as stack:
        for name in addresses:
            adapter = await stack.enter_async_context(command("adapter", name, *flags(state / "adapters.yaml", state)))
            await said(adapter, f"adapter {name}: gRPC")
        running = await stack.enter_async_context(mesh(config(a | b), state, "up"))
        client = await stack.enter_async_context(session(running))

        async def change() -> None:
            for backends in (a | b | dead, a | c | dead, c | dead, a | b | c):
                await asyncio.sleep(1.5)
                (state / "thinmesh.yaml").write_text(config(backends))

        changing = asyncio.create_task(change())
        sent = await play(poisson(Random(31), 100, 8), lambda: complete(client, running, "echo"))
        await changing
    failed = [one.outcome for one in sent if one.outcome.status != 200]
    record_property("failed", f"{len(failed)} of {len(sent)}")
    record_property("p99", f"{percentile(seconds(sent), 99) * 1000:.0f} ms")
    assert not failed
    assert percentile(seconds(sent), 99) <= 0.5
