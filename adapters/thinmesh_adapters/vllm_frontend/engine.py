"""The calls to vLLM's Rust frontend, and what its words mean."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from thinmesh.third_party.vllm import control_pb2 as control
from thinmesh.third_party.vllm import control_pb2_grpc as control_grpc
from thinmesh.third_party.vllm import inference_pb2 as vllm
from thinmesh.third_party.vllm import inference_pb2_grpc as inference_grpc

from thinmesh_adapters.rpc import ASK_SECONDS, GrpcEngine
from thinmesh_adapters.vllm.attempts import Attempts
from thinmesh_adapters.vllm.known import WORDS
from thinmesh_core.errors import MeshError

log = logging.getLogger(__name__)


class Engine(GrpcEngine):
    """One frontend."""

    words = WORDS

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.inference = inference_grpc.InferenceStub(self.channel)
        self.control = control_grpc.ControlStub(self.channel)
        self.attempts = Attempts(self._abort)

    async def stream(self, request: vllm.GenerateRequest, seconds: float) -> AsyncGenerator[vllm.GenerateResponse, None]:
        """The answer. Who leaves it early has it aborted by its id: the frontend goes on when its caller is gone."""
        whole = False
        try:
            async with aclosing(self.read(self.inference.GenerateStream(request, timeout=seconds))) as responses:
                async for response in responses:
                    yield response
            whole = True
        finally:
            if not whole:
                await asyncio.shield(asyncio.ensure_future(self._leave(request.request_id)))

    async def _abort(self, ids: Sequence[str]) -> None:
        await self.ask(self.control.Abort(control.AbortRequest(request_ids=ids), timeout=ASK_SECONDS))

    async def _leave(self, request_id: str) -> None:
        try:
            await self._abort([request_id])
        except MeshError as error:
            log.warning("an answer that was left could not be aborted: %s", error)
