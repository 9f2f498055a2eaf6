"""A Triton model that turns texts into vectors. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_adapters.text.tokenizer import Tokenizer
from thinmesh_adapters.triton.config import EmbedModel
from thinmesh_adapters.triton.translate import Signature, embed_request, vectors
from thinmesh_adapters.weights import locate

BATCH = 8
"""Texts in one request to a model that batches: the batch sizes that engines are configured with begin here."""


class Embedding:
    """One model's names, and the tokenizer that counts for it."""

    def __init__(self, model: EmbedModel) -> None:
        self._model = model
        self._tokenizer = Tokenizer.load(locate(model.tokenizer))

    def requests(self, texts: Sequence[str], signature: Signature) -> Iterator[tuple[tensor_pb.ModelInferRequest, int]]:
        """The requests for all texts, each with how many it holds."""
        batch = BATCH if signature.batches(self._model.input) else 1
        for at in range(0, len(texts), batch):
            some = texts[at : at + batch]
            yield embed_request(some, self._model.input, signature), len(some)

    def vectors(self, answer: tensor_pb.ModelInferResponse, count: int) -> list[pb.Embedding]:
        """The vectors in one answer."""
        return vectors(answer, self._model.output, count)

    def count(self, texts: Sequence[str]) -> int:
        """The tokens of all texts."""
        return sum(len(self._tokenizer.encode(text, special=True)) for text in texts)
