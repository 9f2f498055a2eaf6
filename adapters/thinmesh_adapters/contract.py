"""What an engineer implements to put an engine behind the mesh."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar
from urllib.parse import urlsplit

from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core.address import Address, parse
from thinmesh_core.call import Call
from thinmesh_core.capabilities import Capability, choices
from thinmesh_core.config import ConfigError, Section
from thinmesh_core.fold import fold


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its engine serves it; `context_length` in tokens."""

    name: str
    capabilities: frozenset[Capability]
    context_length: int | None = None


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What an engine says of itself. `kv_cache_use` is from 0 to 1; None: the engine does not say.

    `lower_first`: it is told each call's priority as a number, of which it serves the lower first.
    """

    models: tuple[Model, ...]
    max_concurrency: int
    queued: int | None = None
    kv_cache_use: float | None = None
    lower_first: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where an adapter runs: its backend's name, a folder of its own for sockets and files, and how far its engine may be."""

    name: str
    folder: Path
    insecure: bool = False

    def engine(self, address: str) -> str:
        """An engine's address or URL; ConfigError where prompts would leave this machine in the clear, unasked."""
        if not (self.insecure or _private(address)):
            raise ConfigError(
                f"backends.{self.name}: {address} is neither on this machine nor TLS: use https://, or set `insecure: true` "
                "for this backend if the network itself is private"
            )
        return address


class DeadEngineError(Exception):
    """The engine inside this process is of no more use: the process ends, and whoever keeps it begins another."""


O = TypeVar("O", bound=Section)  # noqa: E741  # the adapter's options


class Adapter(ABC, Generic[O]):
    """The translator in front of one engine endpoint.

    Entered once before the first call, left after the last. It never queues, retries or authenticates, and it raises
    MeshError with words of its own: the engine's never reach the caller. Cancellation arrives as CancelledError (or
    GeneratorExit) in the innermost frame; whatever runs at the engine must have stopped when that frame is left.
    """

    options_type: ClassVar[type[Section]]
    """The type of `options` in the backend's entry."""

    def __init__(self, options: O, place: Place) -> None:
        self.options = options
        self.place = place

    @abstractmethod
    async def __aenter__(self) -> Self:
        """Starts or connects to the engine; returns when it can be asked for its status."""

    @abstractmethod
    async def __aexit__(self, *exc_info: object) -> None:
        """Lets go of the engine, and ends it if it was started here."""

    @abstractmethod
    async def status(self) -> EngineStatus:
        """Asks the engine; MeshError ENGINE_UNAVAILABLE while it does not answer, DeadEngineError where it never will again."""

    def generate(self, request: pb.GenerateRequest, call: Call) -> AsyncGenerator[pb.GenerateEvent, None]:
        """Deltas, then exactly one finish per choice, usage on the last event."""
        raise NotImplementedError(f"{type(self).__name__} declares no generation")

    async def answer(self, request: pb.GenerateRequest, call: Call) -> pb.GenerateResponse:
        """A whole generation: the stream, folded. Worth its own way only where the engine stops when a whole answer is left."""
        async with aclosing(self.generate(request, call)) as events:
            return await fold(events, choices(request))

    async def embed(self, request: pb.EmbedRequest, call: Call) -> pb.EmbedResponse:
        """One vector per input, in order."""
        raise NotImplementedError(f"{type(self).__name__} declares no embedding")

    async def rerank(self, request: pb.RerankRequest, call: Call) -> pb.RerankResponse:
        """The documents, best first."""
        raise NotImplementedError(f"{type(self).__name__} declares no reranking")

    async def count_tokens(self, request: pb.CountTokensRequest, call: Call) -> pb.CountTokensResponse:
        """The number of tokens, by the model's own tokenizer."""
        raise NotImplementedError(f"{type(self).__name__} declares no counting")

    # Tensors, where they are declared; models have the engine's names here, and "" is the engine's choice of a version.

    async def infer(self, request: tensor_pb.ModelInferRequest, call: Call) -> tensor_pb.ModelInferResponse:
        """The one answer to a tensor request."""
        raise NotImplementedError(f"{type(self).__name__} declares no tensors")

    def stream_infer(
        self, request: tensor_pb.ModelInferRequest, call: Call
    ) -> AsyncGenerator[tensor_pb.ModelStreamInferResponse, None]:
        """The answers to a tensor request, none of them an error: failures are raised."""
        raise NotImplementedError(f"{type(self).__name__} declares no tensors")

    async def model_metadata(self, model: str, version: str) -> tensor_pb.ModelMetadataResponse:
        """Names, types and shapes of a model's tensors."""
        raise NotImplementedError(f"{type(self).__name__} declares no tensors")

    async def model_config(self, model: str, version: str) -> tensor_pb.ModelConfigResponse:
        """The engine's configuration of a model."""
        raise NotImplementedError(f"{type(self).__name__} declares no tensors")

    async def model_statistics(self, model: str, version: str) -> tensor_pb.ModelStatisticsResponse:
        """What the engine counted for a model."""
        raise NotImplementedError(f"{type(self).__name__} declares no tensors")


def _private(address: str) -> bool:
    if "://" not in address:
        return parse(address).local
    url = urlsplit(address)
    return url.scheme == "https" or Address(url.hostname, 0, None).local
