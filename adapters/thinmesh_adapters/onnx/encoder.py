"""A sentence encoder on onnxruntime: texts to vectors, on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from tokenizers import Encoding, Tokenizer

Vectors: TypeAlias = npt.NDArray[np.float32]
"""One unit vector a row: (texts, dimensions)."""

BATCH = 32
"""Texts that go through the model at once."""


class Encoder:
    """A BERT-like model with its tokenizer: mean pooling over the tokens, then length 1 (Reimers & Gurevych, 2019)."""

    def __init__(self, model: Path, tokenizer: Path, *, max_tokens: int, threads: int) -> None:
        self.max_tokens = max_tokens
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._inputs = {one.name for one in self._session.get_inputs()}

    def tokenize(self, texts: list[str]) -> list[Encoding]:
        """The texts as the model reads them, special tokens included, none cut."""
        return self._tokenizer.encode_batch(texts)

    def encode(self, encodings: list[Encoding]) -> Vectors:
        """A vector for each of a BATCH at the most; the caller has seen that each fits `max_tokens`."""
        longest = max(len(one.ids) for one in encodings)
        ids = np.zeros((len(encodings), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(encodings):
            ids[row, : len(one.ids)] = one.ids
            mask[row, : len(one.ids)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, {name: feed[name] for name in self._inputs})[0]
        weights = mask[:, :, None].astype(np.float32)
        pooled = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        vectors: Vectors = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return vectors
