"""`thinmesh model`, beside a running mesh: a model comes and goes, and a wrong file changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
from launch import flags, mesh, output

from fakes.openai_engine import fake_engine

CONFIG = """\
# the team's mesh
tenants: {dev: {}}

backends:
  echo:
    adapter: echo  # needs no model

# what callers see
models:
  echo:
    backends: [echo]
"""


async def test_a_model_is_added_served_listed_and_removed_while_the_mesh_runs(state: Path) -> None:
    file = state / "thinmesh.yaml"
    async with (
        fake_engine() as engine,
        mesh(CONFIG, state, "up") as running,
        aiohttp.ClientSession(headers=running.headers) as session,
    ):
        more = flags(file, state)
        code, _, said = await output("model", "add", "fake", engine.base_url, "--alias", "unecht", "--wait", *more)
        assert (code, "fake takes calls" in said) == (0, True), said
        body = {"model": "unecht", "prompt": "a", "max_tokens": 3}
        async with session.post(f"{running.http}/v1/completions", json=body) as response:
            assert response.status == 200
        listed = json.loads((await output("model", "list", "--json", *more))[1])
        assert [(one["model"], one["ready"], one["backends"]) for one in listed] == [
            ("echo", True, {"echo": "echo"}),
            ("fake", True, {"fake": "openai"}),
        ]
        assert (await output("model", "remove", "fake", *more))[0] == 0
    assert file.read_text() == CONFIG


async def test_a_change_that_would_be_wrong_is_told_and_leaves_the_file_alone(state: Path) -> None:
    file = state / "thinmesh.yaml"
    file.write_text(CONFIG)
    more = flags(file, state)
    for words, why in (
        (("add", "echo", "http://127.0.0.1:1/v1"), "backends.echo is there already"),
        (("add", "far", "http://10.0.0.9/v1"), "neither on this machine nor TLS"),
        (("add", "odd", "--engine", "nothing", "--at", "h:1"), "there is no adapter 'nothing'"),
        (("add", "two", "http://127.0.0.1:1/v1", "--alias", "echo"), "models.two.aliases: 'echo' already names"),
        (("remove", "nobody"), "there is no model 'nobody'; there are: echo"),
        (("remove", "echo"), "echo is the last model"),
    ):
        code, _, said = await output("model", *words, *more)
        assert (code, why in said, "Traceback" in said) == (2, True, False), said
        assert file.read_text() == CONFIG
    assert [path.name for path in state.iterdir() if path.is_file()] == ["thinmesh.yaml"]
    code, _, said = await output("model", "add", "x", "http://127.0.0.1:1/v1", "--state", str(state))
    assert (code, "cp " in said) == (2, True)
