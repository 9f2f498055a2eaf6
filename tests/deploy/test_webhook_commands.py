"""The commands for webhooks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web
from standardwebhooks import Webhook
from typer.testing import CliRunner, Result

from fakes.receiver import receiver
from thinmesh_deploy.cli import app
from thinmesh_pipelines.webhooks.signature import Secret

CONFIG = """
tenants: {dev: {webhooks: [{url: "URL", secret_env: TEST_WEBHOOK, events: [job.failed]}]}, other: {}}
backends: {echo: {adapter: echo}}
models: {echo: {backends: [echo]}}
jobs: {outgoing: {allow: ["127.0.0.1"]}}
"""


def invoked(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["webhook", *arguments])


def secret() -> str:
    return invoked("secret").output.strip()


def test_a_secret_is_a_new_one_every_time() -> None:
    assert Secret.parse(secret()) != Secret.parse(secret())


async def test_a_receiver_is_sent_a_signed_event_and_its_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = secret()
    monkeypatch.setenv("TEST_WEBHOOK", shared)
    file = tmp_path / "thinmesh.yaml"
    async with receiver() as there:
        file.write_text(CONFIG.replace("URL", f"{there.url}/hook"))
        asked = ("test", "--tenant", "dev", "--config", str(file), "--state", str(tmp_path))
        ended = await asyncio.to_thread(invoked, *asked)
        assert (ended.exit_code, "tenants.dev.webhooks[0]: answered 200" in ended.output) == (0, True)
        heard = await there.take()
        Webhook(shared).verify(heard.body, heard.headers)
        assert json.loads(heard.body)["type"] == "webhook.test"
        there.answer = lambda: web.Response(status=500)
        ended = await asyncio.to_thread(invoked, *asked)
        assert (ended.exit_code, "answered 500" in ended.output) == (1, True)


@pytest.mark.parametrize(("tenant", "told"), [("other", "tenants.other.webhooks"), ("dev", "TEST_WEBHOOK is not set")])
def test_what_is_missing_is_told(tmp_path: Path, tenant: str, told: str) -> None:
    file = tmp_path / "thinmesh.yaml"
    file.write_text(CONFIG.replace("URL", "https://a.example/"))
    ended = invoked("test", "--tenant", tenant, "--config", str(file), "--state", str(tmp_path))
    assert (ended.exit_code, told in ended.output) == (2, True)
