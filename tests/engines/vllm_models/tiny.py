"""A Llama that has learned nothing, for what needs an engine and no sense: python tiny.py TEMPLATE FOLDER."""

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LARGEST_VOCABULARY = 1024
CONTEXT = 2048


def tokenizer(text: str, template: str) -> PreTrainedTokenizerFast:
    """Byte-level pairs out of a text: any character can be written, in tokens that may cut it."""
    pairs = Tokenizer(models.BPE())
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pairs.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=LARGEST_VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pairs.train_from_iterator(text.splitlines(), trainer)
    end, _, turn = SPECIAL
    made = PreTrainedTokenizerFast(tokenizer_object=pairs, bos_token=end, eos_token=turn, pad_token=end)
    made.chat_template = template
    return made


def model(tokens: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """The same random weights each time."""
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokens),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        bos_token_id=tokens.bos_token_id,
        eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id,
        dtype="bfloat16",
    )
    return LlamaForCausalLM(config).to(torch.bfloat16)


def main(template: Path, folder: Path) -> None:
    """Writes weights and tokenizer; the words are those of the files beside this one."""
    words = "\n".join(path.read_text() for path in sorted(Path(__file__).parent.glob("*.py")))
    tokens = tokenizer(words, template.read_text())
    tokens.save_pretrained(folder)
    model(tokens).save_pretrained(folder)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
