"""The audit log of a mesh that runs: what calls and commands leave there, and what `thinmesh audit verify` finds."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from launch import Mode, Running, flags, mesh, output

CONFIG = """
tenants:
  dev: {privacy: {default: mask, entities: {resident: block}}}
  search: {roles: [auditor]}
backends: {echo: {adapter: echo}}
models: {echo: {backends: [echo]}}
"""
PHONE, RESIDENT = "010-2345-6789", "900101-1234568"


async def audit(state: Path, *words: str) -> tuple[int, str, str]:
    """Runs a command of the audit log."""
    return await output("audit", *words, *flags(state / "thinmesh.yaml", state))


async def call(session: aiohttp.ClientSession, running: Running, key: str, text: str, **more: Any) -> int:
    """The status of one call, whose answer is read."""
    body = {"model": "echo", "prompt": text, **more}
    headers = {"authorization": f"Bearer {key}"}
    async with session.post(f"{running.http}/v1/completions", json=body, headers=headers) as response:
        await response.read()
        return response.status


async def listed(state: Path, last: str) -> list[dict[str, Any]]:
    """The completions in the database, once the last is there, by its decision."""
    async with asyncio.timeout(30):
        while True:
            code, lines, _ = await audit(state, "list", "--json")
            assert code == 0
            found = [json.loads(line)["entry"] for line in lines.splitlines()]
            calls = [entry for entry in found if "completions" in entry["operation"]]
            if calls and calls[-1]["decision"] == last:
                return calls


@pytest.mark.parametrize("mode", ["up", "split"])
async def test_calls_are_told_and_verified_and_an_altered_row_is_named(state: Path, mode: Mode) -> None:
    async with mesh(CONFIG, state, mode) as running, aiohttp.ClientSession() as session:
        _, made, _ = await output("key", "create", "--tenant", "search", *flags(state / "thinmesh.yaml", state))
        statuses = [
            await call(session, running, running.key, "hello"),
            await call(session, running, running.key, f"call {PHONE}", stream=True),
            await call(session, running, running.key, RESIDENT),
            await call(session, running, "tm_live_0123456789ab_guess_cafe", "hello"),
        ]
        while (status := await call(session, running, made.strip(), "hello")) == 401:
            await asyncio.sleep(0.05)  # until the gateway knows the key
        assert [*statuses, status] == [200, 200, 400, 401, 403]
        found = await listed(state, "PERMISSION_DENIED")
        told = {(one.get("tenant"), one["decision"], str(one.get("personal_data"))) for one in found}
        assert told >= {
            ("dev", "ALLOWED", "None"),
            ("dev", "ALLOWED", "{'phone': 1}"),
            ("dev", "INVALID_REQUEST", "{'resident': 1}"),
            (None, "INVALID_KEY", "None"),
            ("search", "PERMISSION_DENIED", "None"),
        }
        assert [one["model"] for one in found if one["decision"] == "ALLOWED"] == ["echo", "echo"]
        assert not any(word in json.dumps(found) for word in (PHONE, RESIDENT, "hello", "guess", running.key))
        code, _, said = await audit(state, "verify")
        assert (code, "are whole" in said) == (0, True), said
    code, _, said = await audit(state, "verify")
    assert (code, "are whole" in said) == (0, True), said
    assert "key create" in (await audit(state, "list", "--tenant", "search"))[1]

    with closing(sqlite3.connect(state / "keys.db")) as database:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            database.execute("delete from audit")
        database.execute("drop trigger audit_unchanged")
        where = "entry like '%INVALID_REQUEST%'"
        writer, number = database.execute(f"select writer, number from audit where {where}").fetchone()
        database.execute(f"update audit set entry = replace(entry, 'INVALID_REQUEST', 'ALLOWED') where {where}")
        database.commit()
    code, faults, _ = await audit(state, "verify")
    assert (code, faults) == (1, f"database, writer {writer} number {number}: was altered\n")


async def test_what_reached_the_file_outlasts_a_kill(state: Path) -> None:
    async with mesh(CONFIG, state, "up") as running, aiohttp.ClientSession() as session:
        assert await call(session, running, running.key, "hello") == 200
        async with asyncio.timeout(10):
            while "/v1/completions" not in (state / "audit.jsonl").read_text():
                await asyncio.sleep(0.01)
        running.processes["up"].kill()
    with closing(sqlite3.connect(state / "keys.db")) as database:  # as if the database had been gone since its start
        database.execute("drop trigger audit_kept")
        database.execute("delete from audit")
        database.commit()
    assert (await audit(state, "list", "--json"))[1] == ""
    async with mesh(CONFIG, state, "up"):
        found = await listed(state, "ALLOWED")
    assert [entry["model"] for entry in found] == ["echo"]
    code, _, said = await audit(state, "verify")
    assert (code, "are whole" in said) == (0, True), said


async def test_without_a_log_there_is_nothing_to_find(state: Path) -> None:
    (state / "thinmesh.yaml").write_text(CONFIG)
    code, _, said = await audit(state, "verify")
    assert (code, "0 entries of 0 writers are whole" in said) == (0, True), said
