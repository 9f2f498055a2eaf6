"""`thinmesh up` and the other commands, as a person uses them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
from pathlib import Path

import aiohttp
import pytest
from launch import ECHO, MINILM, command, flags, mesh, only_child, output, said

PORTS = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0")


@pytest.fixture
def echo_file(state: Path) -> Path:
    file = state / "thinmesh.yaml"
    file.write_text(ECHO)
    return file


async def test_the_printed_curl_line_works_when_pasted(state: Path, echo_file: Path) -> None:
    async with command("up", *flags(echo_file, state), *PORTS) as process:
        line = (await said(process, r"^(curl .*)$"))[1]
        shell = await asyncio.create_subprocess_shell(line, stdout=asyncio.subprocess.PIPE)
        answer, _ = await shell.communicate()
    assert b"Write two sentences about the sea." in answer


async def test_the_development_key_is_made_once_and_is_its_owners(state: Path, echo_file: Path) -> None:
    keys = []
    for _ in range(2):
        async with mesh(ECHO, state, "up") as running:
            keys.append(running.key)
    assert keys[0] == keys[1]
    assert stat.S_IMODE((state / "dev-key").stat().st_mode) == 0o600
    assert keys[0].encode() not in (state / "keys.db").read_bytes()


async def test_a_new_key_is_known_without_a_restart(state: Path) -> None:
    async with mesh(ECHO, state, "up") as running, aiohttp.ClientSession() as session:
        code, key, _ = await output("key", "create", "--tenant", "other", *flags(state / "thinmesh.yaml", state))
        assert code == 0
        async with asyncio.timeout(10):
            while True:
                headers = {"authorization": f"Bearer {key.strip()}"}
                async with session.get(f"{running.http}/v1/models", headers=headers) as response:
                    if response.status == 200:
                        break
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tenants: {}\nbackends: {}\nmodles: {}", "unknown field `modles`"),
        (
            "tenants: {}\nbackends: {e: {adapter: echo}}\nmodels: {m: {backends: [f]}}",
            "models.m.backends: there is no backend 'f'",
        ),
        ("tenants: {}\nbackends: {e: {adapter: echo}}\nmodels: {m: {backends: e}}", "at `$.models.m.backends`"),
        ("tenants: {}\nbackends: {e: {adapter: ecko}}\nmodels: {m: {backends: [e]}}", "there is no adapter 'ecko'"),
        ("tenants: {}\nbackends: {e: {adapter: echo, options: {dely: 1}}}\nmodels: {m: {backends: [e]}}", "backends.e.options"),
        (
            "tenants: {}\nbackends: {e: {adapter: llamacpp, options: {model: /nowhere.gguf}}}\nmodels: {m: {backends: [e]}}",
            "/nowhere.gguf does not exist",
        ),
        ("tenants: [", "is no YAML"),
    ],
)
async def test_a_wrong_configuration_names_the_key_and_exits_2(state: Path, text: str, told: str) -> None:
    file = state / "thinmesh.yaml"
    file.write_text(text)
    code, _, error = await output("up", *flags(file, state), *PORTS)
    assert (code, told in error, "Traceback" in error) == (2, True, False), error


async def test_a_missing_file_and_an_unknown_tenant_exit_2(state: Path, echo_file: Path) -> None:
    code, _, error = await output("up", *flags(state / "nowhere.yaml", state))
    assert (code, "nowhere.yaml can't be read" in error) == (2, True), error
    code, _, error = await output("key", "create", "--tenant", "nobody", *flags(echo_file, state))
    assert (code, "has no tenant 'nobody'; it has: dev, other" in error) == (2, True), error


@pytest.mark.parametrize("flag", ["--http", "--grpc", "--admin"])
async def test_a_port_in_use_is_named_and_exits_2(state: Path, echo_file: Path, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        code, _, error = await output("up", *flags(echo_file, state), *PORTS, flag, at)
    assert (code, f"can't listen on {at}" in error, "Traceback" in error) == (2, True, False), error


async def test_listening_where_strangers_are_is_refused(state: Path, echo_file: Path) -> None:
    code, _, error = await output("up", *flags(echo_file, state), *PORTS, "--http", "0.0.0.0:0")
    assert (code, "refusing to listen on 0.0.0.0:0 without TLS" in error) == (2, True), error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_lets_running_calls_finish(state: Path, number: signal.Signals) -> None:
    slow = ECHO.replace("{adapter: echo}", "{adapter: echo, options: {delay_ms: 100}}")
    async with mesh(slow, state, "up") as running, aiohttp.ClientSession(headers=running.headers) as session:
        body = {"model": "echo", "prompt": "a b c d e f g h i j", "stream": True}
        async with session.post(f"{running.http}/v1/completions", json=body) as response:
            await response.content.readline()
            running.processes["up"].send_signal(number)
            rest = await response.text()
    assert rest.endswith("data: [DONE]\n\n")
    assert running.processes["up"].returncode == 0


async def test_adapters_die_with_a_mesh_that_is_killed_and_come_back_when_they_die(state: Path) -> None:
    async with mesh(MINILM, state, "up") as running, aiohttp.ClientSession(headers=running.headers) as session:
        mesh_process = running.processes["up"]
        first = only_child(mesh_process.pid)
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(30):
            while _alive(first) or not await _embeds(session, running.http):
                await asyncio.sleep(0.1)
        second = only_child(mesh_process.pid)
        mesh_process.kill()
        async with asyncio.timeout(30):
            while _alive(second):
                await asyncio.sleep(0.05)


async def _embeds(session: aiohttp.ClientSession, http: str) -> bool:
    async with session.post(f"{http}/v1/embeddings", json={"model": "minilm", "input": "a"}) as response:
        return response.status == 200


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
