"""The operators' commands, run as an operator runs them, beside a running mesh."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from launch import Mode, flags, mesh, output

CONFIG = """
tenants:
  dev: {}
  search: {quota: {tokens_per_minute: 1000, spend_per_month: 20}, models: {echo: {requests_per_minute: 7}}}
backends: {echo: {adapter: echo}}
models: {echo: {backends: [echo], price: {input_per_million: 0.5, output_per_million: 1.5}}}
"""


async def thinmesh(state: Path, *words: str) -> tuple[int, str]:
    """Runs a command; gives its exit code and all that it said, spaces put together."""
    code, out, err = await output(*words, *flags(state / "thinmesh.yaml", state))
    return code, " ".join((out + err).split())


@pytest.mark.parametrize("mode", ["up", "split"])
async def test_operators_see_and_drain_backends_and_set_quotas(
    state: Path, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    async with mesh(CONFIG, state, mode):
        assert "echo ready healthy 0/" in (await thinmesh(state, "status"))[1]
        assert (await thinmesh(state, "drain", "echo"))[0] == 0
        assert "echo draining" in (await thinmesh(state, "status"))[1]
        assert (await thinmesh(state, "undrain", "echo"))[0] == 0
        assert "echo 0 0" in (await thinmesh(state, "queue"))[1]
        assert "echo 1/1 0" in (await thinmesh(state, "top", "--once"))[1]
        (seen,) = json.loads((await thinmesh(state, "top", "--json"))[1])
        assert (seen["models"][0]["ready"], [one["tenant"] for one in seen["tenants"]]) == (["echo"], ["dev", "search"])
        code, said = await thinmesh(state, "drain", "nothing")
        assert (code, "there are: echo" in said) == (2, True)
        listed = (await thinmesh(state, "quota", "list", "--tenant", "search"))[1]
        for line in (
            "search all tokens-per-minute 0 1,000",
            "all spend-per-month 0.00 20.00",
            "model echo requests-per-minute 0 7",
        ):
            assert line in listed
        assert (
            "tokens-per-minute 0 5,000 set for 2 h"
            in (await thinmesh(state, "quota", "set", "search", "tokens-per-minute", "5000", "--hours", "2.1"))[1]
        )
        assert "5,000" in (await thinmesh(state, "quota", "list"))[1]
        for rubbish, why in (
            ("tokens-per-minute inf", "at most 1,000,000,000,000,000"),
            ("tokens-per-day 1e30", "at most 1,000,000,000,000,000"),
            ("spend-per-month inf", "at most 1000000000.00"),
            ("requests-per-minute 0.4", "a whole number, not 0.4"),
            ("tokens-per-minute nan", "limit"),
            ("tokens-per-minute 5 --hours nan", "--hours"),
            ("tokens-per-minute 5 --hours 1e300", "--hours"),
            ("tokens-per-minute 5 --model nope", "'nope' does not exist"),
        ):
            code, said = await thinmesh(state, "quota", "set", "search", *rubbish.split())
            assert (code, why in said, "Traceback" in said) == (2, True, False), said
        for words, key in ((("status",), "backends"), (("queue",), "queues"), (("quota", "list"), "quotas")):
            told = json.loads((await thinmesh(state, *words, "--json"))[1])
            assert (told["router"].startswith("unix:"), bool(told[key])) == (True, True)
        set_to = json.loads((await thinmesh(state, "quota", "set", "search", "spend-per-month", "3.5", "--json"))[1])["quota"]
        assert (set_to["measure"], set_to["limit"], set_to["expires_in_seconds"] <= 3600) == ("spend-per-month", 3.5, True)
        assert "no quotas" in (await thinmesh(state, "quota", "list", "--tenant", "dev"))[1]
        code, said = await thinmesh(state, "quota", "list", "--tenant", "nobody")
        assert (code, "no tenant 'nobody'" in said) == (2, True)


async def test_a_mesh_that_is_not_up_is_told(state: Path) -> None:
    (state / "thinmesh.yaml").write_text(CONFIG)
    code, said = await thinmesh(state, "status")
    assert (code, "no router answers at unix:" in said) == (2, True)
    code, said = await thinmesh(state, "top", "--json")
    assert (code, "no router answers at unix:" in json.loads(said)[0]["trouble"]) == (1, True)


async def test_what_the_other_routers_say_is_seen_while_one_is_gone(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    gone, there = state / "gone.sock", state / "there.sock"
    async with mesh(CONFIG + f'listen: {{router: ["unix:{there}"]}}\n', state, "up"):
        config = state / "several.yaml"
        config.write_text(CONFIG + f'listen: {{router: ["unix:{gone}", "unix:{there}"]}}\n')
        code, _, err = await output("drain", "echo", *flags(config, state))
        assert (code, f"{there}: echo gets no new calls" in err, f"no router answers at unix:{gone}" in err) == (2, True, True)
