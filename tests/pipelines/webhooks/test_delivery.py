"""One attempt at a receiver: what it means for the next one."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import timedelta
from unittest.mock import AsyncMock, create_autospec

import pytest
from aiohttp import web
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from fakes.receiver import Receiver, receiver
from thinmesh_pipelines.outgoing.client import Outgoing
from thinmesh_pipelines.outgoing.config import OutgoingConfig
from thinmesh_pipelines.webhooks.config import WebhookConfig
from thinmesh_pipelines.webhooks.delivery import PAUSES, Delivery
from thinmesh_pipelines.webhooks.endpoints import Endpoints
from thinmesh_pipelines.webhooks.event import Event
from thinmesh_pipelines.webhooks.signature import new_secret

TRUSTED = OutgoingConfig(allow=("127.0.0.1",))


def to(there: Receiver) -> Endpoints:
    return Endpoints.of({"dev": (WebhookConfig(url=f"{there.url}/?token=t", secret_env="ONE"),)}, {"ONE": new_secret()})


def event(at: float | None = None) -> Event:
    return Event("evt_1", "dev", "job.succeeded", "job-1", time.time() if at is None else at)


async def failed(
    there: Receiver,
    status: int,
    *,
    attempt: int = 1,
    outgoing: OutgoingConfig = TRUSTED,
    at: float | None = None,
    retry_after: str = "",
) -> ApplicationError:
    there.answer = lambda: web.Response(status=status, headers={"retry-after": retry_after})
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt)
    endpoints = to(there)
    delivery = Delivery(lambda: endpoints, Outgoing(outgoing), 7)
    [endpoint] = endpoints.wanting("dev", "job.succeeded")
    with pytest.raises(ApplicationError) as error:
        await environment.run(delivery.tell, event(at), endpoint.name)
    assert "token" not in str(error.value)
    return error.value


@pytest.mark.parametrize("status", [RPCStatusCode.NOT_FOUND, RPCStatusCode.UNAVAILABLE])
async def test_nobody_is_told_of_a_job_that_temporal_has_forgotten(status: RPCStatusCode) -> None:
    client = create_autospec(Client, instance=True)
    client.get_workflow_handle.return_value.describe = AsyncMock(side_effect=RPCError("", status, b""))
    environment = ActivityEnvironment(client)
    delivery = Delivery(lambda: Endpoints({}), Outgoing(TRUSTED), 7)
    if status is RPCStatusCode.NOT_FOUND:
        assert await environment.run(delivery.receivers, event()) == []
        return
    with pytest.raises(RPCError):
        await environment.run(delivery.receivers, event())


def test_the_pauses_grow_and_are_three_days_in_all() -> None:
    assert list(PAUSES) == sorted(PAUSES)
    assert timedelta(days=3) <= timedelta(seconds=sum(PAUSES)) <= timedelta(days=3.5)


@pytest.mark.parametrize("attempt", range(1, len(PAUSES) + 1))
async def test_who_does_not_take_it_is_asked_again_after_the_next_pause(attempt: int) -> None:
    async with receiver() as there:
        for status in (500, 429, 404, 302):
            error = await failed(there, status, attempt=attempt)
            assert (error.non_retryable, error.next_retry_delay) == (False, timedelta(seconds=PAUSES[attempt - 1]))


@pytest.mark.parametrize(
    ("said", "pause"),
    [
        ("3600", 3600),
        ("1", PAUSES[0]),
        ("9" * 400, PAUSES[-1]),
        ("-1", PAUSES[0]),
        ("Wed, 25 Nov 2026 20:40:51 GMT", PAUSES[0]),
    ],
)
async def test_who_wants_to_be_left_alone_for_longer_is(said: str, pause: int) -> None:
    async with receiver() as there:
        error = await failed(there, 503, retry_after=said)
        assert (error.non_retryable, error.next_retry_delay) == (False, timedelta(seconds=pause))


async def test_it_is_given_up_after_the_last_pause_when_jobs_are_forgotten_and_when_the_receiver_is_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    async with receiver() as there:
        assert (await failed(there, 500, attempt=len(PAUSES) + 1)).non_retryable
        assert (await failed(there, 500, attempt=1, at=time.time() - 7 * 86_400)).non_retryable
        assert (await failed(there, 410)).non_retryable
    assert len(caplog.messages) == 3
    assert all(one.startswith("job.succeeded of tenants.dev.webhooks[0] is given up: ") for one in caplog.messages)
    assert "token" not in caplog.text


async def test_a_private_receiver_that_is_not_allowed_is_given_up_and_hears_nothing() -> None:
    async with receiver() as there:
        assert (await failed(there, 200, outgoing=OutgoingConfig())).non_retryable
        assert there.heard.empty()


async def test_an_endpoint_that_is_configured_no_more_is_told_nothing() -> None:
    async with receiver() as there:
        await ActivityEnvironment().run(Delivery(lambda: to(there), Outgoing(TRUSTED), 7).tell, event(), "another")
        assert there.heard.empty()
