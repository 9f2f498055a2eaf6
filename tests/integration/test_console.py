"""The console in a real browser, beside a mesh with real traffic."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from browser import chromium, complaints
from canaries import PROMPT
from emitted import EMITTED
from launch import Running, command, flags, free_port, mesh, output, said
from playwright.async_api import Browser, expect

expect.set_options(timeout=30_000)

CONFIG = """
tenants: {dev: {quota: {tokens_per_minute: 100000}}}
backends:
  slow: {adapter: echo, options: {delay_ms: 100, max_concurrency: 1}}
models:
  echo: {backends: [slow]}
jobs: {}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as found:
        yield found


async def ask(running: Running, words: int) -> None:
    """A call that takes a tenth of a second a word."""
    body = {"model": "echo", "prompt": " ".join([PROMPT, *["sea"] * words]), "max_tokens": 4096}
    async with (
        aiohttp.ClientSession(headers=running.headers) as session,
        session.post(f"{running.http}/v1/completions", json=body) as answer,
    ):
        assert answer.status == 200, await answer.text()


@pytest.mark.asyncio(loop_scope="module")
async def test_it_shows_the_mesh_live_and_says_when_that_is_gone(browser: Browser, state: Path) -> None:
    async with mesh(CONFIG, state, "up") as running, asyncio.TaskGroup() as tasks:
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        heard = complaints(page)
        await page.goto(running.admin)
        await expect(page.get_by_role("status")).to_have_text("ready")
        await expect(page.get_by_text("Nobody waits.")).to_be_visible()
        calls = [tasks.create_task(ask(running, 20)) for _ in range(3)]
        backends = page.get_by_role("region", name="Backends")
        await expect(backends.get_by_role("row", name="slow")).to_contain_text("1 of 1")
        await expect(page.get_by_role("region", name="Queue").get_by_role("row", name="dev")).to_contain_text("standard")
        submit = (
            "job",
            "submit",
            "echo",
            " ".join([PROMPT, *["sea"] * 24]),
            "--gateway",
            running.grpc,
            *flags(state / "thinmesh.yaml", state),
        )
        code, job, error = await output(*submit)
        assert code == 0, error
        jobs = page.get_by_role("region", name="Jobs")
        link = jobs.get_by_role("row", name=job.strip()).get_by_role("link")
        await expect(link).to_have_attribute(
            "href", re.compile(r"^http://127\.0\.0\.1:\d+/namespaces/default/workflows/dev%2Fjob-")
        )
        await expect(jobs.get_by_role("row", name=job.strip())).to_contain_text("running")
        await asyncio.gather(*calls)
        await expect(page.get_by_role("region", name="Tenants").get_by_role("row", name="dev")).to_contain_text("tokens/minute")
        EMITTED.add("the console's page", (await page.content()).encode())
        await page.set_viewport_size({"width": 390, "height": 844})
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390
        assert not heard
        running.processes["up"].terminate()
        await running.processes["up"].wait()
        await expect(page.get_by_role("alert")).to_contain_text("does not answer since")
        await page.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_parts_that_stand_apart_show_what_is_theirs_and_say_where_the_rest_is(browser: Browser, state: Path) -> None:
    file = state / "thinmesh.yaml"
    file.write_text(CONFIG.replace("jobs: {}\n", ""))
    router_at, adapter_at = (f"127.0.0.1:{free_port()}" for _ in range(2))
    async with (
        command("adapter", "slow", *flags(file, state), "--admin", adapter_at) as adapter,
        command("router", *flags(file, state), "--admin", router_at) as router,
    ):
        await said(adapter, "gRPC")
        await said(router, "gRPC")
        page = await browser.new_page()
        heard = complaints(page)
        await page.goto(f"http://{router_at}")
        await expect(page.get_by_role("region", name="Backends").get_by_role("row", name="slow")).to_contain_text("ready")
        await expect(page.get_by_role("region", name="Jobs")).to_be_hidden()
        await expect(page.get_by_text("Jobs are a worker's to show")).to_be_visible()
        await page.goto(f"http://{adapter_at}")
        await expect(page.get_by_text("Models, queues, backends and tenants are a router's to show")).to_be_visible()
        await expect(page.get_by_role("region", name="Models")).to_be_hidden()
        assert not heard
        await page.close()


async def test_no_name_of_a_strangers_reaches_it(state: Path) -> None:
    async with mesh(CONFIG.replace("jobs: {}\n", ""), state, "up") as running, aiohttp.ClientSession() as session:
        for path in ("/console/snapshot.json", "/metrics"):
            async with session.get(running.admin + path, headers={"host": "rebound.example"}) as answer:
                assert answer.status == 421
