"""A bad network between the router and an adapter, or between an adapter and its engine: nobody waits past his time."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from launch import command, flags, mesh, said
from load import Record, complete, play, seconds, session, until

from fakes.bad_network import BadNetwork, bad_network
from fakes.openai_engine import FakeEngine

CONFIG = """
tenants: {dev: {}}
backends:
  far:
    address: ADDRESS
    adapter: openai
    options: {base_url: "URL", idle_seconds: 2}
models: {far: {backends: [far]}}
watchdog: {first_event_seconds: 2, idle_seconds: 2}
call_seconds: 3
"""
FAULTS: dict[str, dict[str, Any]] = {
    "200 ms of latency": {"latency": 0.2},
    "1 % of reads reset": {"resets": 0.01},
    "half open": {"swallows": True},
    "10 kB/s": {"bytes_per_second": 10_000},
    "1 % of frames truncated": {"truncates": 0.01},
}
SECONDS = 3.0


@pytest.mark.faults
@pytest.mark.parametrize("hop", ["router to adapter", "adapter to engine"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_32_nobody_waits_past_his_time(
    state: Path, engine: FakeEngine, record_property: Record, fault: str, hop: str
) -> None:
    """The network between two parts is bad, under whole and streamed calls with 3 s each -> none takes more than 3.25 s,
    and once it is well all are answered again within 3 s.
    """
    engine.tokens, engine.delay = ["word "] * 10, 0.02
    with socket.create_server(("127.0.0.1", 0)) as free:
        adapter_port = free.getsockname()[1]
    network, streams = BadNetwork(), cycle([False, True])
    engine_port = urlsplit(engine.base_url).port or 0
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(bad_network(adapter_port if hop == "router to adapter" else engine_port, network))
        far = network.port if hop == "router to adapter" else adapter_port
        near = network.port if hop == "adapter to engine" else engine_port
        config = CONFIG.replace("ADDRESS", f"127.0.0.1:{far}").replace("URL", f"http://127.0.0.1:{near}/v1")
        state.mkdir(exist_ok=True)
        (state / "adapter.yaml").write_text(config)
        listening = ("--listen", f"127.0.0.1:{adapter_port}")
        adapter = await stack.enter_async_context(command("adapter", "far", *flags(state / "adapter.yaml", state), *listening))
        await said(adapter, "adapter far: gRPC")
        running = await stack.enter_async_context(mesh(config, state, "up"))
        client = await stack.enter_async_context(session(running))
        for name, value in FAULTS[fault].items():
            setattr(network, name, value)
        sent = await play(
            [0.05 * count for count in range(160)],
            lambda: complete(client, running, "far", stream=next(streams), prompt="x" * 500),
        )
        network.heal()

        async def well() -> bool:
            ends = await asyncio.gather(*(complete(client, running, "far") for _ in range(5)))
            return {end.status for end in ends} == {200}

        healed = await until(well, within=20)
    slowest = max(seconds(sent))
    answered = sum(one.outcome.status == 200 and '"error"' not in one.outcome.text for one in sent)
    record_property(f"{fault}, {hop}: slowest", f"{slowest:.2f} s")
    record_property("answered", f"{answered} of {len(sent)}")
    record_property("well again after", f"{healed:.2f} s")
    assert {one.outcome.status for one in sent} <= {200, 502, 503, 504}
    assert slowest <= SECONDS + 0.25
    assert healed <= 3
