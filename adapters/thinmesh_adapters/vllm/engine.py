"""The calls to vLLM's gRPC server, and what its words mean."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import aclosing

from smg_grpc_proto.generated import common_pb2
from smg_grpc_proto.generated import vllm_engine_pb2 as vllm
from smg_grpc_proto.generated import vllm_engine_pb2_grpc as vllm_grpc

from thinmesh_adapters.rpc import ASK_SECONDS, GrpcEngine
from thinmesh_adapters.vllm.attempts import Attempts
from thinmesh_adapters.vllm.known import WORDS
from thinmesh_core.errors import MeshError, Reason

TOKENIZER_SECONDS = 60.0
"""What the engine may take to pack and send its tokenizer."""
MAX_TOKENIZER_BYTES = 64 * 1024 * 1024


class Engine(GrpcEngine):
    """One vLLM."""

    words = WORDS

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.stub = vllm_grpc.VllmEngineStub(self.channel)
        self.attempts = Attempts(self._abort)

    async def tokenizer(self) -> bytes:
        """The zip of the model's tokenizer files; ENGINE_PROTOCOL for one that is too large or was damaged."""
        archive, told = bytearray(), ""
        call = self.stub.GetTokenizer(common_pb2.GetTokenizerRequest(), timeout=TOKENIZER_SECONDS)
        async with aclosing(self.read(call)) as chunks:
            async for chunk in chunks:
                archive += chunk.data
                told = chunk.sha256 or told
                if len(archive) > MAX_TOKENIZER_BYTES:
                    raise MeshError(Reason.ENGINE_PROTOCOL, f"the engine's tokenizer has more than {MAX_TOKENIZER_BYTES} bytes")
        if told and told != hashlib.sha256(archive).hexdigest():
            raise MeshError(Reason.ENGINE_PROTOCOL, "the engine's tokenizer was damaged on the way")
        return bytes(archive)

    async def _abort(self, ids: Sequence[str]) -> None:
        await self.ask(self.stub.Abort(vllm.AbortRequest(request_ids=ids), timeout=ASK_SECONDS))
