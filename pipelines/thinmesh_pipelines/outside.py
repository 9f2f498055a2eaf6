"""The step that calls services outside of the mesh."""

from __future__ import annotations

import os
from datetime import timedelta

import msgspec
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from thinmesh_core.errors import MeshError, Reason
from thinmesh_pipelines.heartbeat import beating
from thinmesh_pipelines.outgoing.client import Outgoing
from thinmesh_pipelines.steps import Step, told

CALL = "http_call"
SECRETS = "THINMESH_SECRET_"
"""Before a secret's name, in the environment of the workers."""

LONGEST_PAUSE = 300.0
"""Seconds of `retry-after` that are heeded at most."""

_AGAIN = frozenset({408, 425, 429, *range(500, 600)})


class Header(msgspec.Struct, frozen=True):
    """A header, whose value is its form where it names no secret that is to stand in it."""

    name: str
    form: str
    secret: str | None = None


class HttpCall(msgspec.Struct, frozen=True):
    """What is asked."""

    method: str
    url: str
    headers: list[Header]
    body: bytes | None


class HttpAnswer(msgspec.Struct, frozen=True):
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


class Outside:
    """Temporal's activity, through the one client for strangers."""

    def __init__(self, outgoing: Outgoing, seconds: float) -> None:
        self._outgoing = outgoing
        self._seconds = seconds

    @activity.defn(name=CALL)
    async def http_call(self, step: Step, given: str) -> str:
        """The answer to a call, both as JSON text."""
        call = msgspec.json.decode(given, type=HttpCall)
        headers = {"idempotency-key": step.id} | {one.name.lower(): _value(one) for one in call.headers}
        if call.body is not None:
            headers.setdefault("content-type", "application/json")
        longest = activity.info().start_to_close_timeout or timedelta(seconds=self._seconds)
        async with beating():
            try:
                answer = await self._outgoing.ask(
                    call.method, call.url, headers=headers, body=call.body, seconds=longest.total_seconds()
                )
            except MeshError as error:
                raise told(error) from None
        if answer.status in _AGAIN:
            raise _again(answer.status, answer.pause)
        return msgspec.json.encode(HttpAnswer(answer.status, dict(answer.headers), answer.body)).decode()


def _value(header: Header) -> str:
    if header.secret is None:
        return header.form
    value = os.environ.get(SECRETS + header.secret)
    if value is None:
        message = f"The workers have no {SECRETS}{header.secret}, which a pipeline wants; set it in their environment."
        raise ApplicationError(message, type=Reason.INTERNAL.name, non_retryable=True)
    return header.form.format(value)


def _again(status: int, pause: float | None) -> ApplicationError:
    return ApplicationError(
        f"The service that the pipeline calls answers {status}.",
        type=Reason.INTERNAL.name,
        next_retry_delay=None if pause is None else timedelta(seconds=min(pause, LONGEST_PAUSE)),
        category=ApplicationErrorCategory.BENIGN,
    )
