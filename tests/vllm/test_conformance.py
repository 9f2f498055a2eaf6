"""The cases of `thinmesh conformance` over a real vLLM. `make test-vllm` keeps the report in docs/conformance."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from launch import Running

from thinmesh_adapters.conformance.case import Case, Result, Verdict
from thinmesh_adapters.conformance.kit import CASES, judge
from thinmesh_adapters.conformance.report import as_json, markdown
from thinmesh_adapters.conformance.target import connect
from thinmesh_core.channel import dial

MODELS, PARTS = ["smollm2", "minilm"], ["adapter", "gateway"]
HEAD = "# Conformance of vLLM\n\nWritten by `make test-vllm`: the cases of `thinmesh conformance` over a real vLLM, by its model.\n\n"

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180, func_only=True),  # more than a case has, so that its verdict is heard
    pytest.mark.parametrize("part", PARTS),
    pytest.mark.parametrize("model", MODELS, indirect=True, scope="session"),
]


@pytest.fixture(scope="session", autouse=True)
def report(verdicts: dict[str, list[Result]]) -> Iterator[None]:
    """Writes what was found, where it is wanted and whole."""
    yield
    folder = os.environ.get("CONFORMANCE_REPORT")
    names = [f"{model}: {part}" for model in MODELS for part in PARTS]
    if folder and all(len(verdicts.get(name, [])) == len(CASES) for name in names):
        ordered = {name: verdicts[name] for name in names}
        Path(folder, "vllm.md").write_text(HEAD + markdown(ordered))
        Path(folder, "vllm.json").write_text(as_json(ordered))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_conforms(split: Running, verdicts: dict[str, list[Result]], model: str, part: str, case: Case) -> None:
    process, address = ("gateway", split.grpc) if part == "gateway" else ("vllm", f"unix:{split.state}/run/vllm.sock")
    async with dial(address) as channel:
        target = await connect(channel, model, split.metadata if part == "gateway" else ())
        result = await judge(case, replace(target, pid=split.processes[process].pid))
    verdicts.setdefault(f"{model}: {part}", []).append(result)
    assert result.verdict is not Verdict.FAILED, result.why
