"""A model's files, made on the spot: a byte-level tokenizer so small that characters span tokens, and a chat template."""

from __future__ import annotations

import io
import json
import zipfile
from functools import cache

import tokenizers

BOS, EOS = "<|start|>", "<|end|>"
TEMPLATE = (
    "{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>{% endfor %}"
    "{% if tools %}{{ tools | tojson }} Call as <tool_call>{...}</tool_call>{% endif %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
THINKING_TEMPLATE = TEMPLATE.replace("assistant\n{%", "assistant\n<think>\n{%")


@cache
def tokenizer_json() -> bytes:
    """A tokenizer.json of 300 tokens."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[BOS, EOS, "[TOOL_CALLS]"],
        show_progress=False,
    )
    made.train_from_iterator(["the sea is blue, the sky is blue"], trainer)
    return made.to_str().encode()


def model_files(template: str = TEMPLATE) -> dict[str, bytes]:
    """What lies in the model's folder."""
    config = json.dumps({"bos_token": BOS, "eos_token": {"content": EOS}}).encode()
    return {"tokenizer.json": tokenizer_json(), "tokenizer_config.json": config, "chat_template.jinja": template.encode()}


def zipped(files: dict[str, bytes]) -> bytes:
    """The files as an engine packs them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()
