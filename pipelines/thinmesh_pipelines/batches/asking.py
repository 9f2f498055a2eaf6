"""One line, asked of the gateway until there is an answer that is worth keeping."""

from __future__ import annotations

import asyncio

import grpc
from thinmesh.gateway.v1 import openai_service_pb2 as pb
from thinmesh.gateway.v1 import openai_service_pb2_grpc as openai_grpc

from thinmesh_core.call import Metadata
from thinmesh_core.errors import Reason
from thinmesh_pipelines.endpoints import asking, refused
from thinmesh_pipelines.job import Owner, worth_retrying
from thinmesh_pipelines.patience import LOAD, TRIES, explained, failure

_TOO_LARGE = grpc.StatusCode.RESOURCE_EXHAUSTED
"""What gRPC itself says of an answer that is larger than a message may be."""

LONGEST_PAUSE = 30.0
SLACK_SECONDS = 5.0
"""What an answer may take beyond the call's own time limit, which the gateway keeps."""


class Asking:
    """The gateway, on one channel. MeshError where the batch's owner may not go on."""

    def __init__(self, channel: grpc.aio.Channel, call_seconds: float) -> None:
        self._gateway = openai_grpc.OpenAIServiceStub(channel)
        self._seconds = call_seconds + SLACK_SECONDS

    async def answer(self, owner: Owner, step: str, endpoint: str, body: bytes) -> pb.RestAnswer:
        """What the endpoint answers to the body; every attempt has the step's id."""
        metadata = owner.metadata(step)
        tries, pause = 0, 0.5
        while True:
            answer = await self._asked(endpoint, body, metadata)
            reason = Reason(answer.reason) if answer.HasField("reason") else None
            if reason not in LOAD:
                tries += 1
                if reason is None or tries >= TRIES or not worth_retrying(reason):
                    return answer
            wait = answer.retry_after_seconds if answer.HasField("retry_after_seconds") else None
            await asyncio.sleep(min(LONGEST_PAUSE, pause if wait is None else max(wait, 0.05)))
            pause *= 2

    async def _asked(self, endpoint: str, body: bytes, metadata: Metadata) -> pb.RestAnswer:
        """One attempt. That there is no answer is one too, unless the mesh says that the owner may not go on."""
        try:
            method, request = asking(self._gateway, endpoint, body)
            return (await method(request, metadata=metadata, timeout=self._seconds)).answer
        except grpc.aio.AioRpcError as error:
            told = failure(error)
            of_line = worth_retrying(told.reason) or (error.code() is _TOO_LARGE and not explained(error))
            if not of_line:
                raise told from None
            return refused(told)
