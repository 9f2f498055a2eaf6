"""SmolLM2's packed weights as the files that vLLM loads: python smollm2.py FILE.gguf FOLDER."""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def main(packed: Path, folder: Path) -> None:
    """Unpacks the weights into bfloat16, and writes them with the tokenizer and its chat template."""
    model = AutoModelForCausalLM.from_pretrained(
        packed.parent, gguf_file=packed.name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
    )
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # they are packed no more
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(packed.parent, gguf_file=packed.name).save_pretrained(folder)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
