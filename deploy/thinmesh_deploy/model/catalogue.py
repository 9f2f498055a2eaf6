"""Which engine serves what: the one table from a model's architecture to adapters. Pure.

Code is the last resort: what no row has may still be served by an engine that speaks OpenAI's API, or as tensors by a Triton.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from thinmesh_core.config import ConfigError

GGUF = "gguf"
ONNX = "onnx"
FOLDER = "folder"
ENGINE = "engine"


@dataclass(frozen=True, slots=True)
class Found:
    """What a model is: a file or folder (`source` says where), or what an engine already serves (`source` is its address).

    `tokenizer` is the one that was found beside it.
    """

    form: str
    source: str
    architecture: str | None = None
    tokenizer: str | None = None


@dataclass(frozen=True, slots=True)
class Engine:
    """An adapter that serves the model, and why; `start` is what starts its engine, where that is a process of its own."""

    adapter: str
    reason: str
    start: str | None = None
    capabilities: tuple[str, ...] = ()


class Row(NamedTuple):
    """Architectures of a folder's config.json, and what serves them."""

    pattern: str
    engines: tuple[Engine, ...]


VLLM = Engine("vllm", "vLLM generates text with it", "vllm serve {source} --grpc --port 50051")
POOLED = Engine("vllm", "vLLM embeds with it", "vllm serve {source} --runner pooling --grpc --port 50051")
SEEING = Engine("openai", "vLLM reads images with it, by OpenAI's API", "vllm serve {source} --port 8000", ("chat", "images"))
RANKING = Engine("openai", "vLLM ranks documents with it, by OpenAI's API", "vllm serve {source} --port 8000", ("rerank",))
TENSORS = Engine(
    "triton", "a Triton serves it as tensors, best after an export to ONNX or TensorRT", "tritonserver --model-repository ..."
)
LLAMACPP = Engine("llamacpp", "llama.cpp runs GGUF files, beside the mesh")
ONNXRUNTIME = Engine("onnx", "onnxruntime embeds texts with it, beside the mesh")

ROWS = (
    Row(r".*(Whisper|Speech|Audio|Wav2Vec).*", ()),  # the contract carries no sound
    Row(r".*ForCausalLM|.*LMHeadModel", (VLLM,)),
    Row(r".*ForConditionalGeneration", (SEEING,)),
    Row(r".*ForSequenceClassification", (RANKING,)),
    Row(r"(\w*Bert|XLMRoberta|Roberta|MPNet|T5Encoder|GteNew)\w*Model", (POOLED,)),
    Row(r".*For(ImageClassification|ObjectDetection|SemanticSegmentation|TokenClassification)", (TENSORS,)),
)

ENGINES = {
    "openai": Engine("openai", "whatever speaks OpenAI's API"),
    "vllm": VLLM,
    "vllm-frontend": Engine("vllm-frontend", "vLLM's Rust frontend", "vllm-rs serve {source} --grpc-port 50051"),
    "triton": TENSORS,
    "llamacpp": LLAMACPP,
    "onnx": ONNXRUNTIME,
}

LAST_RESORT = (
    "An engine of yours that speaks OpenAI's API is added by its URL; any model of a Triton by --engine triton --at HOST:PORT. "
    "Where neither will do, `thinmesh adapter new` writes an adapter's package to begin from."
)


def engines(found: Found) -> tuple[Engine, ...]:
    """What serves it, the best first; ConfigError with what else there is where nothing does."""
    if found.form == GGUF:
        return (LLAMACPP,)
    if found.form == ONNX:
        if found.tokenizer is None:
            raise ConfigError(f"{found.source}: a model for onnxruntime needs its tokenizer.json: name it with --tokenizer")
        return (ONNXRUNTIME,)
    if found.form == ENGINE:
        return (ENGINES["openai"],)
    row = next((row for row in ROWS if re.fullmatch(row.pattern, found.architecture or "")), None)
    if row is None or not row.engines:
        raise ConfigError(
            f"no engine of the catalogue serves {found.architecture or 'a folder without config.json'}. {LAST_RESORT}"
        )
    return row.engines


def chosen(found: Found, named: str | None) -> Engine:
    """The engine that is to be used: the one that was named, of whatever package, else the best."""
    if named is None:
        return engines(found)[0]
    return ENGINES.get(named, Engine(named, f"the adapter {named} of another package"))
