"""The steps of jobs: calls to the gateway on behalf of who made the job. An attempt that is lost is made again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from thinmesh.gateway.v1 import openai_service_pb2_grpc as openai_grpc
from thinmesh.inference.v1 import inference_service_pb2 as inference_pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.job.v1 import job_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb
from tritonclient.grpc import service_pb2_grpc as tensor_grpc

from thinmesh_core.errors import MeshError
from thinmesh_pipelines.endpoints import asking, refusal
from thinmesh_pipelines.heartbeat import beating
from thinmesh_pipelines.job import Owner, worth_retrying
from thinmesh_pipelines.patience import LOAD, TRIES, failure

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Step:
    """Which step of whose job; its id is the call's request id, the same in every attempt."""

    id: str
    owner: Owner


class Steps:
    """Temporal's activities, on one channel to the gateway."""

    def __init__(self, channel: grpc.aio.Channel, call_seconds: float) -> None:
        self._gateway = inference_grpc.InferenceServiceStub(channel)
        self._openai = openai_grpc.OpenAIServiceStub(channel)
        self._tensors = tensor_grpc.GRPCInferenceServiceStub(channel)
        self._seconds = call_seconds

    def all(self) -> list[Callable[..., Any]]:
        """All of them."""
        return [self.infer, self.chat, self.embed, self.rerank, self.infer_tensors]

    @activity.defn(name="infer")
    async def infer(self, step: Step, work: pb.CreateJobRequest) -> pb.JobResult:
        """A job of one inference request."""
        match work.WhichOneof("work"):
            case "embed":
                return pb.JobResult(embed=await self.embed(step, work.embed))
            case "rerank":
                return pb.JobResult(rerank=await self.rerank(step, work.rerank))
            case "openai":
                return pb.JobResult(openai=await self._endpoint(step, work.openai))
            case _:
                return pb.JobResult(generate=await self.chat(step, work.generate))

    @activity.defn(name="chat")
    async def chat(self, step: Step, request: inference_pb.GenerateRequest) -> inference_pb.GenerateResponse:
        """A generation."""
        return await self._asked(self._gateway.Generate, step, request)

    @activity.defn(name="embed")
    async def embed(self, step: Step, request: inference_pb.EmbedRequest) -> inference_pb.EmbedResponse:
        """Vectors."""
        return await self._asked(self._gateway.Embed, step, request)

    @activity.defn(name="rerank")
    async def rerank(self, step: Step, request: inference_pb.RerankRequest) -> inference_pb.RerankResponse:
        """An order."""
        return await self._asked(self._gateway.Rerank, step, request)

    @activity.defn(name="infer_tensors")
    async def infer_tensors(self, step: Step, request: tensor_pb.ModelInferRequest) -> tensor_pb.ModelInferResponse:
        """Tensors."""
        return await self._asked(self._tensors.ModelInfer, step, request)

    async def _endpoint(self, step: Step, work: pb.OpenAIWork) -> bytes:
        """The body of an endpoint's answer."""
        method, request = asking(self._openai, work.endpoint, work.body)
        async with _attempt():
            answer = (await self._call(method, step, request)).answer
            if answer.HasField("reason"):
                raise refusal(answer)
        return answer.body

    async def _asked(self, method: Callable[..., Awaitable[A]], step: Step, request: Message) -> A:
        """What the gateway answers to the owner of the step."""
        async with _attempt():
            return await self._call(method, step, request)

    async def _call(self, method: Callable[..., Awaitable[A]], step: Step, request: Message) -> A:
        try:
            return await method(request, metadata=step.owner.metadata(step.id), timeout=self._seconds)
        except grpc.aio.AioRpcError as error:
            raise failure(error) from None


def step_of(activity_type: str) -> str:
    """A step's name for people: those of authors are known with their module."""
    return activity_type.rpartition(".")[2]


@asynccontextmanager
async def _attempt() -> AsyncIterator[None]:
    """One attempt of a step that beats. Its beats keep for the next one how many failed otherwise than for load."""
    failed: int = sum(activity.info().heartbeat_details)
    try:
        async with beating(lambda: (failed,)):
            yield
    except MeshError as error:
        if error.reason in LOAD:
            raise told(error) from None
        activity.heartbeat(failed + 1)
        raise told(error, last=failed + 1 >= TRIES) from None


def told(error: MeshError, *, last: bool = False) -> ApplicationError:
    """The failure as Temporal keeps it: whether it tries again, and when. `last`: no more attempts are made."""
    pause = None if error.retry_after is None else timedelta(seconds=error.retry_after)
    return ApplicationError(
        error.message,
        type=error.reason.name,
        non_retryable=last or not worth_retrying(error.reason),
        next_retry_delay=pause,
        category=ApplicationErrorCategory.BENIGN,  # the job tells it: it is no news for the log
    )
