"""The commands for keys, beside a running mesh, which follows them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from canaries import PROMPT
from launch import flags, mesh, output

CONFIG = """
tenants:
  dev: {}
  search: {roles: [parrot]}
roles:
  parrot: {actions: [infer, models], models: [ec*]}
backends: {echo: {adapter: echo}}
models: {echo: {backends: [echo]}}
"""


async def thinmesh(state: Path, *words: str) -> tuple[int, str, str]:
    """Runs a command; gives its exit code, and what it printed and said, spaces put together."""
    code, out, err = await output(*words, *flags(state / "thinmesh.yaml", state))
    return code, " ".join(out.split()), " ".join(err.split())


async def until(session: aiohttp.ClientSession, key: str, status: int) -> None:
    """Waits until the mesh answers the key so."""
    async with asyncio.timeout(5):
        while True:
            async with session.get("/v1/models", headers={"authorization": f"Bearer {key}"}) as response:
                if response.status == status:
                    return
            await asyncio.sleep(0.05)


async def test_a_key_is_made_rotated_and_revoked_while_the_mesh_runs(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    async with mesh(CONFIG, state, "up") as running, aiohttp.ClientSession(running.http) as session:
        code, key, _ = await thinmesh(state, "key", "create", "--tenant", "search", "--principal", "nightly", "--days", "3")
        key_id = key.split("_")[2]
        assert code == 0
        await until(session, key, 200)
        headers = {"authorization": f"Bearer {key}"}
        async with session.post("/v1/embeddings", json={"model": "echo", "input": PROMPT}, headers=headers) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (403, "permission_denied")

        code, new, said = await thinmesh(state, "key", "rotate", key_id, "--overlap-hours", "1")
        assert (code, f"{key_id} holds for 1 h yet" in said) == (0, True)
        await until(session, new, 200)
        listed = (await thinmesh(state, "key", "list", "--tenant", "search"))[1]
        assert listed.count("search nightly parrot") == 2
        _, granted, who = await thinmesh(state, "whoami", "--key", new)
        assert ("nightly, tenant search" in who, "infer ec*" in granted) == (True, True)
        held = json.loads((await thinmesh(state, "whoami", "--key", new, "--json"))[1])
        assert (held["principal"], held["tenant"], held["may"]["infer"]) == ("nightly", "search", ["ec*"])
        known = json.loads((await thinmesh(state, "key", "list", "--tenant", "search", "--json"))[1])
        assert {one["id"] for one in known} == {key_id, held["key"]}

        assert (await thinmesh(state, "key", "revoke", key_id))[0] == 0
        await until(session, key, 401)
        await until(session, new, 200)
        code, _, said = await thinmesh(state, "whoami", "--key", key)
        assert (code, "not known" in said) == (2, True)
        assert "tenant dev" in (await thinmesh(state, "whoami"))[2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("key", "create", "--tenant", "dev", "--role", "king"), "there are: admin, auditor"),
        (("key", "create", "--tenant", "dev", "--principal", "a b"), "visible ASCII"),
        (("key", "revoke", "nope"), "There is no key nope."),
        (("whoami",), "no development key yet"),
    ],
)
async def test_what_is_wrong_is_told(state: Path, words: tuple[str, ...], told: str) -> None:
    (state / "thinmesh.yaml").write_text(CONFIG)
    code, _, said = await thinmesh(state, *words)
    assert (code, told in said) == (2, True), said


async def test_a_tenants_role_that_is_not_there_is_told_at_the_start(state: Path) -> None:
    (state / "thinmesh.yaml").write_text(CONFIG.replace("[parrot]", "[parot]"))
    code, _, said = await thinmesh(state, "key", "list")
    assert (code, "tenants.search.roles: there is no role 'parot'" in said) == (2, True)
