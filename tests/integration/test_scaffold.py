"""`thinmesh adapter new` writes a package that passes lint and conformance as it is, anywhere, under any name."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from launch import output, uv

LONGEST = "an_engine_whose_name_is_as_long_as_it_is"

# What a generated adapter leaves out because it does not declare it, or because no adapter has it.
UNDECLARED = {
    *("several_choices_all_end", "logprobs_spell_the_text", "a_schema_is_kept", "a_required_tool_is_called"),
    *("vectors_come_in_order", "documents_come_best_first", "counted_tokens_are_used_tokens"),
    *("metadata_tells_a_models_tensors", "tensors_are_answered_as_the_metadata_says"),
    *("a_tensor_stream_answers_each_request", "tensors_of_a_wrong_size_are_refused"),
    *("an_unknown_model_is_not_found", "too_long_an_input_is_refused"),
}


async def new(name: str, folder: Path) -> Path:
    """A new adapter in a folder."""
    code, told, error = await output("adapter", "new", name, "--into", str(folder))
    assert (code, told) == (0, f"make -C {folder} test\n"), error
    return folder


async def run(folder: Path, *command: str) -> None:
    """A tool in the folder, where the packages of `site` are installed too; what it said is in the failure's text."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder.parent / "site")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, f"{command}:\n{said.decode()}"


async def test_a_new_adapter_passes_lint_and_conformance_as_it_is(tmp_path: Path) -> None:
    """In this environment, with the package built and found by its entry point: a new one's takes minutes to install."""
    folder = await new("my_engine", tmp_path / "new")
    await run(folder, uv(), "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site"), str(folder))
    for tool in (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("pytest",)):
        await run(folder, sys.executable, "-m", *tool)
    report = json.loads((folder / "conformance" / "report.json").read_text())["my_engine"]
    assert {one["case"] for one in report if one["verdict"] == "skipped"} == UNDECLARED
    assert all(one["verdict"] == "passed" for one in report if one["case"] not in UNDECLARED)
    assert "| events keep the rules | yes |" in (folder / "conformance" / "report.md").read_text()


@pytest.mark.parametrize("name", ["a", LONGEST])
async def test_any_name_leaves_the_code_well_formed(tmp_path: Path, name: str) -> None:
    folder = await new(name, tmp_path / "new")
    await run(folder, sys.executable, "-m", "ruff", "check", ".")
    await run(folder, sys.executable, "-m", "ruff", "format", "--check", ".")


@pytest.mark.parametrize(
    ("name", "into", "told"),
    [
        ("echo", "new", "'echo' is an adapter of thinmesh itself: choose another name than echo, llamacpp"),
        ("My-Engine", "new", "'My-Engine' is no name for an adapter: use lower case letters"),
        ("class", "new", "'class' is no name for an adapter"),
        (f"{LONGEST}x", "new", "is no name for an adapter"),
        ("mine", ".", "is not empty: give another folder with --into, or empty it"),
        ("mine", "taken/new", "can't be written: Not a directory; give another folder with --into"),
    ],
)
async def test_a_wrong_name_or_folder_names_the_fix_and_writes_nothing(tmp_path: Path, name: str, into: str, told: str) -> None:
    (tmp_path / "taken").touch()
    code, _, error = await output("adapter", "new", name, "--into", str(tmp_path / into))
    assert (code, told in error) == (2, True), error
    assert [one.name for one in tmp_path.iterdir()] == ["taken"]
