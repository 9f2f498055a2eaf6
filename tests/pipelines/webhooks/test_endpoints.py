"""Who is told of what, and what a configuration must have for that."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from thinmesh_core.config import ConfigError, convert
from thinmesh_pipelines.webhooks.config import WebhookConfig
from thinmesh_pipelines.webhooks.endpoints import Endpoints
from thinmesh_pipelines.webhooks.event import TEST, TYPES, Event, State, type_of
from thinmesh_pipelines.webhooks.signature import new_secret

ENVIRONMENT = {"ONE": new_secret(), "TWO": f"{new_secret()} {new_secret()}", "BAD": "whsec_abc"}
ALL = WebhookConfig(url="https://a.example/?token=t", secret_env="ONE")
SOME = WebhookConfig(url="https://b.example/", secret_env="TWO", events=("batch.completed",))


def test_events_go_to_whom_they_are_configured_for_and_to_no_other_tenant() -> None:
    endpoints = Endpoints.of({"dev": (ALL, SOME), "other": ()}, ENVIRONMENT)
    assert [one.url for one in endpoints.wanting("dev", "batch.completed")] == [ALL.url, SOME.url]
    assert [one.url for one in endpoints.wanting("dev", "job.failed")] == [ALL.url]
    assert [len(one.secrets) for one in endpoints.wanting("dev", TEST)] == [1, 2]
    assert not endpoints.wanting("other", "job.failed")
    assert not endpoints.wanting("nobody", "job.failed")


def test_an_endpoint_keeps_its_name_while_others_come_and_go_and_shows_nothing_of_its_url() -> None:
    [one] = Endpoints.of({"dev": (ALL,)}, ENVIRONMENT).wanting("dev", "job.failed")
    later = Endpoints.of({"dev": (SOME, ALL), "other": (SOME,)}, ENVIRONMENT)
    found = later.find("dev", one.name)
    assert found is not None
    assert (found.url, found.setting) == (ALL.url, "tenants.dev.webhooks[1]")
    assert later.find("other", one.name) is None
    assert "token" not in one.name + one.setting


@pytest.mark.parametrize(("env", "told"), [("NONE", "NONE is not set"), ("BAD", "thinmesh webhook secret")])
def test_a_secret_that_is_missing_or_none_is_told_with_its_setting(env: str, told: str) -> None:
    with pytest.raises(ConfigError, match=rf"tenants\.dev\.webhooks\[0\].*{told}") as error:
        Endpoints.of({"dev": (WebhookConfig(url=ALL.url, secret_env=env),)}, ENVIRONMENT)
    assert ENVIRONMENT["BAD"] not in str(error.value)


def test_an_url_that_comes_twice_is_told_with_its_setting() -> None:
    again = WebhookConfig(url=ALL.url, secret_env="TWO")
    with pytest.raises(ConfigError, match=r"tenants\.dev\.webhooks\[2\]: the same url") as error:
        Endpoints.of({"other": (ALL,), "dev": (ALL, SOME, again)}, ENVIRONMENT)
    assert "token" not in str(error.value)


@pytest.mark.parametrize(
    "wrong", [{"url": "ftp://a.example"}, {"url": "https://a.example"}, {"url": "https://a.example", "secret_env": "A", "events": ["x"]},
              {"url": "https://a.example", "secret_env": "A", "secret": "whsec_"}],
)  # fmt: skip
def test_what_is_no_webhook_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        convert(wrong, WebhookConfig, source="thinmesh.yaml")


def test_every_end_has_a_type_and_every_type_an_end() -> None:
    states: tuple[State, ...] = get_args(State)
    assert {type_of(state, batch=batch) for state in states for batch in (False, True)} == set(TYPES)


def test_an_event_says_which_and_how_and_no_more() -> None:
    event = Event("evt_1", "dev", "job.failed", "job-1", 1_614_265_330.25)
    assert json.loads(event.body) == {"type": "job.failed", "timestamp": "2021-02-25T15:02:10.250Z", "data": {"id": "job-1"}}
    of_batch = Event("evt_1", "dev", "batch.completed", "job-1", 0.0)
    assert json.loads(of_batch.body)["data"] == {"id": "batch_1", "job_id": "job-1"}
