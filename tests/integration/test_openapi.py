"""The description of the REST surfaces, held against its answers by schemathesis."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import aiohttp
import pytest
from launch import ECHO, mesh

LONG = "FUZZ_SECONDS" in os.environ
EXAMPLES = 200 if LONG else 25
SECONDS = 600 if LONG else 100
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
UNREADY = """
[[operations]]
include-path-regex = "/ready$"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", 503]
"""
"""Echo has no tensors: that it is not ready for them is an answer, and no error."""


@pytest.mark.timeout(SECONDS + 60)
async def test_no_answer_is_outside_the_description(state: Path) -> None:
    async with mesh(ECHO, state, "up") as running:
        async with (
            aiohttp.ClientSession(headers=running.headers) as session,
            session.get(f"{running.http}/openapi.json") as response,
        ):
            assert (await response.json())["openapi"] == "3.1.0"
        (state / "schemathesis.toml").write_text(UNREADY)
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("schemathesis")),
            *("run", f"{running.http}/openapi.json", "--header", f"authorization: Bearer {running.key}"),
            *(
                "--checks",
                CHECKS,
                "--max-examples",
                str(EXAMPLES),
                "--seed",
                "1",
                "--generation-database",
                "none",
                "--no-color",
            ),
            cwd=state,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(SECONDS):
            out, _ = await process.communicate()
    text = out.decode()
    assert process.returncode == 0, text
    cases = re.search(r"(\d+) generated", text)
    print(cases[0] if cases else text[-800:])
