"""A real vLLM and meshes before it. One engine runs at a time: tests name theirs as their `model`, and are run in its order."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from engines.vllm_engine import EMBEDDING, MINILM, SMOLLM2, TEMPLATES, Load, engine_load, vllm_engine
from launch import Mode, Running, mesh

CONFIG = """
tenants: {dev: {}}
backends:
  vllm:
    adapter: vllm
    options: {address: "ADDRESS", OPTIONS}
models: {MODEL: {backends: [vllm]}}
"""
ENGINES = {"smollm2": (SMOLLM2, ()), "minilm": (MINILM, EMBEDDING)}
OPTIONS = {"smollm2": f"chat_template: {TEMPLATES / 'hermes.jinja'}"}  # its own tells it of no tools


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each engine is started once."""
    items.sort(key=lambda item: [model in item.name for model in ENGINES])


@pytest.fixture(scope="session")
def model(request: pytest.FixtureRequest) -> str:
    """What the engine serves; parametrized by those who ask."""
    name: str = request.param
    return name


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(model: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The engine's address."""
    folder, arguments = ENGINES[model]
    async with vllm_engine(tmp_path_factory.mktemp(model), folder, *arguments) as address:
        yield address


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def load(engine: str) -> AsyncIterator[Load]:
    """The engine's own count of its requests."""
    async with engine_load(engine) as ask:
        yield ask


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running(engine: str, model: str) -> AsyncIterator[Running]:
    """A mesh in one process."""
    async with _mesh(engine, model, "up") as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def split(engine: str, model: str) -> AsyncIterator[Running]:
    """A mesh of a process for each part."""
    async with _mesh(engine, model, "split") as running:
        yield running


@asynccontextmanager
async def _mesh(engine: str, model: str, mode: Mode) -> AsyncIterator[Running]:
    config = CONFIG.replace("ADDRESS", engine).replace("OPTIONS", OPTIONS.get(model, "")).replace("MODEL", model)
    state = Path(tempfile.mkdtemp(prefix="tm-", dir="/tmp"))  # a path short enough for sockets
    async with mesh(config, state, mode) as running:
        yield running
    shutil.rmtree(state)
