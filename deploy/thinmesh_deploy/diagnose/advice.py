"""What to change about a stage that takes long, by what serves the model. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from thinmesh_deploy.diagnose.stages import Stage
from thinmesh_deploy.sight import BackendSeen

FULL_CACHE = 0.9
"""The share of a KV cache from which engines put calls off."""

ADVICE: dict[tuple[str, Stage], tuple[str, ...]] = {
    ("vllm", Stage.QUEUE): ("let it run more at once: --max-num-seqs, while its KV cache has room",),
    ("vllm", Stage.ENGINE_QUEUE): (
        "set the backend's max_concurrency to its --max-num-seqs: in the mesh calls wait in the order of their classes",
        "give it more KV cache: --gpu-memory-utilization 0.95, --kv-cache-dtype fp8, a shorter --max-model-len",
    ),
    ("vllm", Stage.FIRST_TOKEN): (
        "reuse the beginnings of prompts: --enable-prefix-caching, and `affinity: prefix` for the model",
        "cut long prompts into pieces: --enable-chunked-prefill, with --max-num-batched-tokens",
    ),
    ("vllm", Stage.GENERATION): (
        "make a step cheaper: quantised weights (--quantization fp8), more GPUs (--tensor-parallel-size)",
        "run fewer at once, if single calls matter more than all of them: --max-num-seqs",
    ),
    ("triton", Stage.QUEUE): ("run more instances of the model: instance_group { count } in its config.pbtxt",),
    ("triton", Stage.ENGINE_QUEUE): (
        "batch what waits: dynamic_batching { max_queue_delay_microseconds } in its config.pbtxt, and a larger max_batch_size",
    ),
    ("triton", Stage.FIRST_TOKEN): (
        "run an ONNX model by TensorRT: optimization { execution_accelerators } in its config.pbtxt",
    ),
    ("triton", Stage.GENERATION): (
        "serve it by TensorRT-LLM with in-flight batching, and give its KV cache more: kv_cache_free_gpu_mem_fraction",
    ),
    ("llamacpp", Stage.QUEUE): ("give it more slots: options.slots; each costs memory for its context",),
    ("llamacpp", Stage.FIRST_TOKEN): (
        "give it the machine's cores: options.threads",
        "shorten the context: options.context_length",
    ),
    ("llamacpp", Stage.GENERATION): (
        "give it the machine's cores: options.threads",
        "take a smaller quantisation of the file (Q4_K_M), or serve the model by vLLM on a GPU",
    ),
    ("onnx", Stage.QUEUE): ("give it more threads: options.threads", "serve it by a Triton with TensorRT and dynamic batching"),
}
ALIASES = {"vllm-frontend": "vllm"}

ANY: dict[Stage, tuple[str, ...]] = {
    Stage.GATEWAY: ("the gateway's event loop is blocked or short of CPU: give it a core, or run more of them",),
    Stage.QUEUE: ("add a replica: another backend under the model's `backends`", "give what can wait a lower class: batch"),
    Stage.ENGINE_QUEUE: ("set the backend's max_concurrency to what its engine runs at once",),
    Stage.FIRST_TOKEN: ("its engine is slow to begin: look for other load on its machine, and at its batch size",),
    Stage.GENERATION: ("its engine is slow for each token: look for other load on its machine, and at its batch size",),
}


def advice(stage: Stage, backends: Sequence[BackendSeen]) -> list[str]:
    """What to try, the most likely first."""
    return list(dict.fromkeys(_all(stage, backends)))


def _all(stage: Stage, backends: Sequence[BackendSeen]) -> Iterator[str]:
    for one in backends:
        if one.kv_cache_use is not None and one.kv_cache_use >= FULL_CACHE:
            full = f"the KV cache of {one.backend} is {one.kv_cache_use:.0%} full"
            yield f"{full}: more memory for it, a shorter context, or a replica"
    for one in backends:
        yield from ADVICE.get((ALIASES.get(one.adapter, one.adapter), stage), ())
    yield from ANY[stage]
