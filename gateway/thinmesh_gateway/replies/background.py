"""Responses in the background: each is a job beside a record, which has the answer once somebody asked for it after its end."""

from __future__ import annotations

from contextlib import suppress

import msgspec
from thinmesh.inference.v1 import inference_service_pb2 as inference_pb
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.jobs import Jobs
from thinmesh_gateway.replies import job as jobs_of
from thinmesh_gateway.replies.bodies import Response
from thinmesh_gateway.replies.kept import Kept
from thinmesh_gateway.replies.record import Record, check, listed

GOES_ON = frozenset({"queued", "in_progress"})

CANCEL_SECONDS = 2.5
"""How long a job's end is waited for, once it is told to end."""


class Background:
    """The responses of the caller's tenant that are jobs, and those that are none, which have ended."""

    def __init__(self, jobs: Jobs, kept: Kept) -> None:
        self._jobs = jobs
        self._kept = kept

    async def begin(
        self, generate: inference_pb.GenerateRequest, key: str | None, record: Record, call: AuthorizedCall
    ) -> Response:
        """The response of a new job, or of the one that there is under the key. The record's ids are given here."""
        check(record)
        job = (await self._jobs.create(pb.CreateJobRequest(generate=generate, idempotency_key=key), call)).job
        response_id = jobs_of.response_id(job.id)
        response = msgspec.structs.replace(record.response, id=response_id, created_at=job.created_unix_seconds)
        record = Record(response, listed(record.given, response_id), record.before)
        try:
            await self._kept.put(record, call)
        except MeshError:
            if key is None:  # nobody can ask for it: with a key a repeat will find it
                with suppress(MeshError):  # what is told is why there is no response
                    await self._jobs.cancel(job.id, call)
            raise
        call.trail.object = response_id
        return response if job.state == pb.JOB_STATE_QUEUED else (await self._told(record, call)).response

    async def get(self, response_id: str, call: AuthorizedCall) -> Record:
        """A response as it is now."""
        record = await self._kept.get(response_id, call)
        return await self.current(record, call)

    async def current(self, record: Record, call: AuthorizedCall) -> Record:
        """A record with the answer, where its job has one since it was kept."""
        return await self._told(record, call) if record.response.status in GOES_ON else record

    async def cancel(self, response_id: str, call: AuthorizedCall) -> Record:
        """A response that is told to end, once it has; INVALID_REQUEST where it does not run in the background."""
        record = await self._kept.get(response_id, call)
        if not record.response.background:
            raise invalid("id", "Only a response that was made with background can be cancelled; end a stream by leaving it.")
        if record.response.status in GOES_ON:
            job_id = jobs_of.job_id(response_id)
            await self._jobs.cancel(job_id, call)
            await self._jobs.until_ended(job_id, call, CANCEL_SECONDS)
            call.trail.object = response_id
        return await self.current(record, call)

    async def remove(self, response_id: str, call: AuthorizedCall) -> None:
        """The end of a response, and of its job where that goes on."""
        record = await self._kept.get(response_id, call)
        if record.response.status in GOES_ON:
            try:
                await self._jobs.cancel(jobs_of.job_id(response_id), call)
            except MeshError as error:
                if error.reason is not Reason.NOT_FOUND:  # it is forgotten, and the record of it goes too
                    raise
            call.trail.object = response_id
        await self._kept.remove(response_id, call)

    async def _told(self, record: Record, call: AuthorizedCall) -> Record:
        """The record as its job stands, kept anew where that has ended."""
        response = jobs_of.told(record.response, await self._jobs.get(jobs_of.job_id(record.response.id), call))
        record = msgspec.structs.replace(record, response=response)
        if response.status not in GOES_ON:
            try:
                await self._kept.put(record, call, known=True)
            except MeshError as error:
                if error.reason is not Reason.REQUEST_TOO_LARGE:  # then its job has it, for as long as that is known
                    raise
        return record
