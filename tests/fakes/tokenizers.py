"""A model made on the spot: a byte-level tokenizer so small that characters span tokens, a chat template, and a script."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from functools import cache
from itertools import cycle, islice

import tokenizers

from thinmesh_adapters.text.tokenizer import Tokenizer

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


def script(
    tokenizer: Tokenizer, text: str, *, most: int, least: int, stops: Sequence[str], ends: Sequence[int], endless: bool
) -> tuple[list[int], str]:
    """The tokens of an answer that says `text`, and why they end, cut as vLLM cuts: behind the token that completes a stop."""
    said = tokenizer.encode(f"{text}{EOS}", special=False)
    count = most if endless else min(most, len(said))
    ids, reason = list(islice(cycle(said), count)), "length" if endless or most < len(said) else "stop"
    for at in range(1, count + 1 if stops or ends else 1):
        spelt = tokenizer.decode(ids[:at])
        if at > least and (any(stop in spelt for stop in stops) or ids[at - 1] in ends):
            return ids[:at], "stop"
    return ids, reason


def forced_text(structural_tag: str, *, schema: bool) -> str | None:
    """What an engine writes that is held to a form: the first tag's call, or a number."""
    if not structural_tag:
        return '{"n": 1}' if schema else None
    tag = json.loads(structural_tag)["format"]["tags"][0]
    return f"{tag['begin']}{{}}{tag['end']}"
