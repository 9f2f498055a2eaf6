"""OpenAI's endpoints of a mesh that has jobs: a call becomes one where its caller prefers that or its route says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.exchange import Answer, Reply, Request, as_json
from thinmesh_gateway.idempotency.key import KEY, checked
from thinmesh_gateway.inference import Inference
from thinmesh_gateway.jobs import Jobs
from thinmesh_gateway.openai import endpoints, job_bodies
from thinmesh_gateway.openai.routes import OpenAIRoutes, Streamed
from thinmesh_gateway.prefer import APPLIED, PREFER, Later, later
from thinmesh_gateway.roles import Action

LOAD = frozenset({Reason.OVERLOADED, Reason.BACKEND_FULL})
"""Refusals of a call that would have been served at a quieter time. A quota that is used up is none."""

R = TypeVar("R", bound=Reply)
Endpoint = Callable[[Request, AuthorizedCall], Awaitable[R]]


class DeferringRoutes(OpenAIRoutes):
    """Answers as OpenAIRoutes does, or 202 with the job that gives the same answer later."""

    def __init__(self, inference: Inference, jobs: Jobs) -> None:
        super().__init__(inference)
        self._jobs = jobs

    async def chat(self, request: Request, call: AuthorizedCall) -> Answer | Streamed:
        """POST /v1/chat/completions."""
        return await self._now_or_later(endpoints.CHAT, super().chat, request, call)

    async def completions(self, request: Request, call: AuthorizedCall) -> Answer | Streamed:
        """POST /v1/completions."""
        return await self._now_or_later(endpoints.COMPLETIONS, super().completions, request, call)

    async def embeddings(self, request: Request, call: AuthorizedCall) -> Answer:
        """POST /v1/embeddings."""
        return await self._now_or_later(endpoints.EMBEDDINGS, super().embeddings, request, call)

    async def rerank(self, request: Request, call: AuthorizedCall) -> Answer:
        """POST /v1/rerank."""
        return await self._now_or_later(endpoints.RERANK, super().rerank, request, call)

    async def _now_or_later(self, path: str, endpoint: Endpoint[R], request: Request, call: AuthorizedCall) -> R | Answer:
        header = request.header(PREFER)
        preferred = None if header is None else later(header)
        if preferred is not None:
            return await self._preferred(preferred, path, endpoint, request, call)
        try:
            return await endpoint(request, call)
        except MeshError as refused:
            if refused.reason not in LOAD or not self._jobs.overflow:
                raise
            return await self._overflow(refused, path, request, call)

    async def _preferred(
        self, preferred: Later, path: str, endpoint: Endpoint[R], request: Request, call: AuthorizedCall
    ) -> R | Answer:
        if not self._jobs.may(call):
            raise MeshError(Reason.PERMISSION_DENIED, f"This key may have no jobs: none of its roles has {Action.JOBS}.")
        endpoints.meant(path, await request.read())  # what can't be a job is told before it is tried
        if preferred.wait:
            limit = asyncio.timeout(preferred.wait)
            try:
                async with limit:
                    return await endpoint(request, call)
            except TimeoutError:
                if not limit.expired():
                    raise
            except MeshError as refused:
                if refused.reason not in LOAD:
                    raise
        answer = await self._accepted(path, request, call)
        answer.headers[APPLIED] = str(preferred)
        return answer

    async def _overflow(self, refused: MeshError, path: str, request: Request, call: AuthorizedCall) -> Answer:
        """A job in the place of a refusal; the refusal, where the caller may have none, streams, or no job can be made."""
        try:
            body = endpoints.meant(path, await request.read())
            if body.model in self._jobs.overflow and self._jobs.may(call):
                return await self._accepted(path, request, call)
        except MeshError as error:
            raise refused from error
        raise refused

    async def _accepted(self, path: str, request: Request, call: AuthorizedCall) -> Answer:
        key = request.header(KEY)
        work = pb.OpenAIWork(endpoint=path, body=await request.read())
        asking = pb.CreateJobRequest(openai=work, idempotency_key=None if key is None else checked(key))
        job = (await self._jobs.create(asking, call)).job
        answer = as_json(job_bodies.job(job), 202)
        answer.headers["location"] = f"/v1/jobs/{job.id}"
        return answer
