"""A ModelStreamInfer stream: many requests, each answered by itself, and each failure told inside the stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing

from tritonclient.grpc import service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason, internal
from thinmesh_core.interceptors import is_fault
from thinmesh_core.tensors import FINAL

log = logging.getLogger(__name__)

Answer = Callable[[pb.ModelInferRequest], AsyncGenerator[pb.ModelStreamInferResponse, None]]

MAX_RUNNING = 64
"""Requests of one stream that run at once; further ones are not read until one has ended."""

REASON = "thinmesh_reason"
"""Response parameter: the ErrorReason of a request that failed."""

RETRY_AFTER = "thinmesh_retry_after_seconds"
"""Response parameter: when it is worth sending it again."""


async def once(request: pb.ModelInferRequest) -> AsyncGenerator[pb.ModelInferRequest, None]:
    """A stream of one request."""
    yield request


async def multiplexed(
    requests: AsyncIterable[pb.ModelInferRequest], answer: Answer
) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
    """The answers to all requests as they come, in order within a request and in none between them.

    A slow reader slows every answer: one response waits here at the most. A request that fails ends with a response that
    says so, as Triton's do, and the others go on.
    """
    said: asyncio.Queue[pb.ModelStreamInferResponse | None] = asyncio.Queue(1)

    async def run(request: pb.ModelInferRequest, room: asyncio.Semaphore) -> None:
        try:
            async with aclosing(answer(request)) as responses:
                async for response in responses:
                    await said.put(response)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # each is told
            await said.put(failure(request.id, _told(error)))
        finally:
            room.release()

    async def read() -> None:
        room = asyncio.Semaphore(MAX_RUNNING)
        try:
            async with asyncio.TaskGroup() as tasks:
                async for request in requests:
                    await room.acquire()
                    tasks.create_task(run(request, room))
        except ExceptionGroup as broken:  # answers never raise: it is the requests' stream
            raise broken.exceptions[0] from None

    def wake(_: object) -> None:
        if said.empty():
            said.put_nowait(None)

    reading = asyncio.create_task(read())
    reading.add_done_callback(wake)
    try:
        while not (reading.done() and said.empty()):
            response = await said.get()
            if response is not None:
                yield response
        reading.result()
    finally:
        reading.cancel()
        await asyncio.wait((reading,))


def _told(error: BaseException) -> MeshError:
    """What is told of how a request failed; raises it where its stream is left, and not only its channel closed under it."""
    if isinstance(error, MeshError):
        return error
    if not is_fault(error):
        raise error
    log.error("a request of a tensor stream failed", exc_info=error)
    return internal()


def failure(request_id: str, error: MeshError) -> pb.ModelStreamInferResponse:
    """How a stream tells that one of its requests failed."""
    told = pb.ModelStreamInferResponse(error_message=error.message, infer_response=pb.ModelInferResponse(id=request_id))
    told.infer_response.parameters[FINAL].bool_param = True
    told.infer_response.parameters[REASON].string_param = error.reason.name
    if error.retry_after is not None:
        told.infer_response.parameters[RETRY_AFTER].double_param = error.retry_after
    return told


def failed(response: pb.ModelStreamInferResponse) -> MeshError | None:
    """The failure that a response tells, if it tells one; a stranger's text stays inside."""
    if not response.error_message:
        return None
    parameters = response.infer_response.parameters
    reason = Reason.__members__.get(parameters[REASON].string_param) if REASON in parameters else None
    if reason is None:
        return MeshError(Reason.ENGINE_ERROR, "The model's engine failed.")
    retry_after = parameters[RETRY_AFTER].double_param if RETRY_AFTER in parameters else None
    return MeshError(reason, response.error_message, retry_after=retry_after)
