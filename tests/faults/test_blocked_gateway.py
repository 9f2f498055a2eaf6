"""A gateway whose event loop is blocked: the other takes its calls, and it is known by its metric and by not being ready."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from launch import ECHO, command, flags, mesh, said
from load import Record, complete, percentile, play, poisson, seconds, session, until


@pytest.mark.faults
async def test_fault_12_a_blocked_gateway_is_known_and_does_not_hold_the_other(state: Path, record_property: Record) -> None:
    """One of two gateways gets no turn for 2 s (SIGSTOP, SIGCONT), at 50 calls a second through the other
    -> these do not notice (99 % within 100 ms); /readyz of the blocked one is 503 and its lag above 1 s, then it is ready again.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        admin = f"127.0.0.1:{free.getsockname()[1]}"
    ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", admin)
    async with (
        mesh(ECHO, state, "split") as running,
        command("gateway", *flags(state / "thinmesh.yaml", state), *ports) as blocked,
        session(running) as client,
    ):
        other = replace(running, http=(await said(blocked, r"REST (http://\S+)/v1"))[1])

        async def served() -> bool:
            return (await complete(client, other, "echo")).status == 200

        await until(served, within=10)

        async def readiness() -> tuple[int, str]:
            async with client.get(f"http://{admin}/readyz") as response:
                return response.status, await response.text()

        async def ready() -> bool:
            return (await readiness())[0] == 200

        load = asyncio.create_task(play(poisson(Random(12), 50, 4), lambda: complete(client, running, "echo")))
        await asyncio.sleep(1)
        blocked.send_signal(signal.SIGSTOP)
        await asyncio.sleep(2)
        blocked.send_signal(signal.SIGCONT)

        async def seen() -> bool:
            return "blocked" in (await readiness())[1]

        await until(seen, within=2)
        status, why = await readiness()
        async with client.get(f"http://{admin}/metrics") as response:
            found = re.search(r"^thinmesh_event_loop_lag_seconds (\S+)$", await response.text(), re.MULTILINE)
        sent = await load
        again = await until(ready, within=10)
        assert await served()
    assert found is not None
    slowest = percentile(seconds(sent), 99)
    record_property("99 % through the other within", f"{slowest * 1000:.0f} ms")
    record_property("lag", f"{float(found[1]):.2f} s")
    record_property("ready again after", f"{again:.1f} s")
    assert {one.outcome.status for one in sent} == {200}
    assert slowest <= 0.1
    assert (status, "blocked" in why) == (503, True)
    assert float(found[1]) > 1
