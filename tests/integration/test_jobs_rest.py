"""Jobs over REST through a real Temporal: what they answer is what the call would have, and who may see them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio
from canaries import PROMPT
from launch import Running, flags, mesh, output

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG = """
tenants: {dev: {}, other: {}}
roles: {online: {actions: [infer, models]}}
backends:
  echo: {adapter: echo}
  slow: {adapter: echo, max_concurrency: 1, options: {model: slow, delay_ms: 100}}
  narrow: {adapter: echo, max_concurrency: 1, options: {model: narrow, delay_ms: 100}}
models:
  echo: {backends: [echo]}
  slow: {backends: [slow], aliases: [patient], overflow: job}
  narrow: {backends: [narrow]}
queue: {max_waiting: 0}
jobs: {}
"""
SAID: Any = [{"role": "user", "content": PROMPT}]
LONG: Any = [{"role": "user", "content": "word " * 40}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "echo", "messages": SAID, "n": 2},
    "/v1/completions": {"model": "echo", "prompt": [PROMPT, "b"], "max_tokens": 3},
    "/v1/embeddings": {"model": "echo", "input": [PROMPT, "b"], "encoding_format": "base64"},
    "/v1/rerank": {"model": "echo", "query": PROMPT, "documents": ["b", "c"], "return_documents": True},
}
LATER = {"prefer": "respond-async"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with mesh(CONFIG, tmp_path_factory.mktemp("s"), "up") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def session(running: Running) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(running.http, headers=running.headers) as session:
        yield session


@pytest_asyncio.fixture(loop_scope="module")
async def sdk(running: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{running.http}/v1", api_key=running.key, max_retries=0) as client:
        yield client


async def asked(
    session: aiohttp.ClientSession, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """The status, the headers in lower case and the body."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    async with session.request(method, path, json=body, headers=headers) as response:
        return response.status, {name.lower(): value for name, value in response.headers.items()}, await response.json()


async def followed(session: aiohttp.ClientSession, job_id: str) -> list[dict[str, Any]]:
    """What is told of a job until its end."""
    async with asyncio.timeout(30), session.get(f"/v1/jobs/{job_id}/events") as response:
        assert response.status == 200
        events = [line.removeprefix(b"data: ").strip() async for line in response.content if line.strip()]
    assert events.pop() == b"[DONE]"
    return [json.loads(one) for one in events]


@asynccontextmanager
async def busy(session: aiohttp.ClientSession, model: str) -> AsyncIterator[None]:
    """The only place of a model's backend is taken, once whoever had it has left."""
    body = {"model": model, "messages": LONG, "stream": True}
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        response = await stack.enter_async_context(session.post("/v1/chat/completions", json=body))
        while response.status == 503:
            await asyncio.sleep(0.05)
            response = await stack.enter_async_context(session.post("/v1/chat/completions", json=body))
        assert (await response.content.readline()).startswith(b"data: ")
        yield


async def key_of(running: Running, tenant: str, *flags_: str) -> str:
    code, key, error = await output(
        "key", "create", "--tenant", tenant, *flags_, *flags(running.state / "thinmesh.yaml", running.state)
    )
    assert code == 0, error
    return key.strip()


async def known(session: aiohttp.ClientSession) -> None:
    """Waits until the gateway knows the session's key."""
    async with asyncio.timeout(30):
        while (await asked(session, "GET", "/v1/models"))[0] == 401:
            await asyncio.sleep(0.05)


def alike(answer: dict[str, Any]) -> dict[str, Any]:
    """What of an answer is the same whenever it is asked for."""
    return {name: value for name, value in answer.items() if name not in {"id", "created"}}


@pytest.mark.parametrize("endpoint", BODIES)
async def test_a_jobs_response_is_the_answer_that_the_call_would_have_given(
    session: aiohttp.ClientSession, endpoint: str
) -> None:
    status, headers, made = await asked(session, "POST", endpoint, BODIES[endpoint], **LATER)
    assert (status, made["object"], made["endpoint"], made["response"]) == (202, "job", endpoint, None)
    assert (headers["location"], headers["preference-applied"]) == (f"/v1/jobs/{made['id']}", "respond-async")
    events = await followed(session, made["id"])
    _, _, now = await asked(session, "POST", endpoint, BODIES[endpoint])
    status, _, job = await asked(session, "GET", headers["location"])
    assert (status, job["status"], alike(job["response"])) == (200, "succeeded", alike(now))
    assert events[-1] == job
    assert job["finished_at"] >= job["created_at"] == made["created_at"]
    assert job["link"].startswith("http://127.0.0.1:")


async def test_the_sdk_is_told_where_the_job_is(sdk: openai.AsyncOpenAI, session: aiohttp.ClientSession) -> None:
    raw = await sdk.chat.completions.with_raw_response.create(
        model="echo", messages=SAID, extra_headers={"Prefer": "respond-async", "Idempotency-Key": "sdk-1"}
    )
    assert raw.status_code == 202
    job_id = raw.headers["location"].rpartition("/")[2]
    job = (await followed(session, job_id))[-1]
    answer = openai.types.chat.ChatCompletion.model_validate(job["response"])
    assert answer.choices[0].message.content == PROMPT


async def test_a_job_is_made_once_a_key_however_it_is_asked_for(session: aiohttp.ClientSession) -> None:
    endpoint = "/v1/embeddings"
    first = (
        await asked(session, "POST", "/v1/jobs", {"endpoint": endpoint, "body": BODIES[endpoint]}, idempotency_key="once")
    )[2]
    again = (
        await asked(session, "POST", "/v1/jobs", {"endpoint": endpoint, "body": BODIES[endpoint]}, idempotency_key="once")
    )[2]
    other = await asked(session, "POST", "/v1/jobs", {"endpoint": endpoint, "body": {"model": "echo", "input": "x"}}, idempotency_key="once")  # fmt: skip
    assert (first["id"], other[0], other[2]["error"]["code"]) == (again["id"], 409, "idempotency_conflict")
    preferred = [
        (await asked(session, "POST", endpoint, BODIES[endpoint], prefer="respond-async", idempotency_key="pref"))[2]["id"]
        for _ in range(2)
    ]
    assert preferred[0] == preferred[1]


async def test_jobs_are_listed_and_their_tenants_alone(running: Running, session: aiohttp.ClientSession) -> None:
    ids = [
        (await asked(session, "POST", "/v1/jobs", {"endpoint": "/v1/rerank", "body": BODIES["/v1/rerank"]}))[2]["id"]
        for _ in range(2)
    ]
    for one in ids:
        await followed(session, one)
    _, _, page = await asked(session, "GET", "/v1/jobs?limit=1")
    assert ([one["id"] for one in page["data"]], page["has_more"], page["data"][0]["response"]) == ([ids[1]], True, None)
    _, _, rest = await asked(session, "GET", f"/v1/jobs?limit=1&after={page['last_id']}")
    assert len(rest["data"]) == 1
    headers = {"authorization": f"Bearer {await key_of(running, 'other')}"}
    async with aiohttp.ClientSession(running.http, headers=headers) as stranger:
        await known(stranger)
        assert (await asked(stranger, "GET", "/v1/jobs"))[2]["data"] == []
        for method, path in (("GET", ""), ("POST", "/cancel"), ("GET", "/events")):
            status, _, told = await asked(stranger, method, f"/v1/jobs/{ids[0]}{path}")
            assert (status, told["error"]["code"]) == (404, "not_found")


async def test_a_cancelled_job_ends_and_its_place_is_free(session: aiohttp.ClientSession) -> None:
    body = {"model": "slow", "messages": LONG}
    made = (await asked(session, "POST", "/v1/chat/completions", body, **LATER))[2]
    async with asyncio.timeout(10), session.get(f"/v1/jobs/{made['id']}/events") as response:
        async for line in response.content:
            if b'"running"' in line:
                break
    assert (await asked(session, "POST", f"/v1/jobs/{made['id']}/cancel"))[0] == 200
    assert (await followed(session, made["id"]))[-1]["status"] == "cancelled"
    assert (await asked(session, "POST", "/v1/chat/completions", {"model": "slow", "messages": SAID}))[0] == 200


async def test_what_can_be_no_job_is_refused_as_the_call_would_be(running: Running, session: aiohttp.ClientSession) -> None:
    chat = "/v1/chat/completions"
    for body, status, param in (
        ({"model": "echo", "messages": SAID, "stream": True}, 400, "stream"),
        ({"model": "echo", "messages": SAID, "temperature": 9}, 400, "temperature"),
        ({"model": "nope", "messages": SAID}, 404, "model"),
    ):
        for told in (
            await asked(session, "POST", chat, body, **LATER),
            await asked(session, "POST", "/v1/jobs", {"endpoint": chat, "body": body}),
        ):
            assert (told[0], told[2]["error"]["param"]) == (status, param)
    assert (await asked(session, "POST", "/v1/jobs", {"endpoint": "/v1/files", "body": {}}))[2]["error"]["param"] == "endpoint"
    assert (await asked(session, "POST", "/v1/jobs", {"endpoint": chat}))[0] == 400
    headers = {"authorization": f"Bearer {await key_of(running, 'dev', '--role', 'online')}"}
    async with aiohttp.ClientSession(running.http, headers=headers) as online:
        await known(online)
        assert (await asked(online, "POST", chat, BODIES[chat], **LATER))[0] == 403
        async with busy(session, "slow"):
            assert (await asked(online, "POST", chat, {"model": "slow", "messages": SAID}))[0] == 503


async def test_a_call_that_is_refused_for_load_becomes_a_job_where_its_route_says_so(session: aiohttp.ClientSession) -> None:
    body = {"model": "patient", "messages": SAID}
    async with busy(session, "slow"):
        status, headers, made = await asked(session, "POST", "/v1/chat/completions", body)
        assert (status, "preference-applied" in headers) == (202, False)
        streamed, _, told = await asked(session, "POST", "/v1/chat/completions", {**body, "stream": True})
        assert (streamed, told["error"]["code"]) == (503, "overloaded")
    job = (await followed(session, headers["location"].rpartition("/")[2]))[-1]
    assert (job["id"], job["status"], job["response"]["model"]) == (made["id"], "succeeded", "patient")
    assert job["response"]["choices"][0]["message"]["content"] == PROMPT


async def test_on_other_routes_it_does_where_the_caller_would_wait(session: aiohttp.ClientSession) -> None:
    body = {"model": "narrow", "messages": SAID}
    async with busy(session, "narrow"):
        assert (await asked(session, "POST", "/v1/chat/completions", body))[0] == 503
        status, headers, made = await asked(session, "POST", "/v1/chat/completions", body, prefer="respond-async, wait=5")
        assert (status, headers["preference-applied"]) == (202, "respond-async, wait=5")
    assert (await followed(session, made["id"]))[-1]["status"] == "succeeded"
    quiet = await asked(session, "POST", "/v1/chat/completions", body, prefer="respond-async, wait=5")
    assert (quiet[0], quiet[2]["object"]) == (200, "chat.completion")
    late = await asked(session, "POST", "/v1/chat/completions", {**body, "messages": LONG}, prefer="respond-async, wait=1")
    assert late[0] == 202
    assert (await followed(session, late[2]["id"]))[-1]["status"] == "succeeded"


async def test_a_pipeline_is_run_and_told_what_it_waits_for(session: aiohttp.ClientSession) -> None:
    async with session.get("/v1/pipelines") as response:
        known = {one["id"]: one for one in (await response.json())["data"]}
    assert "about" in json.dumps(known["example-approved-draft"]["input_schema"])
    work = {"pipeline": "example-approved-draft", "input": {"about": PROMPT, "model": "echo"}}
    status, _, made = await asked(session, "POST", "/v1/jobs", work)
    assert (status, made["kind"], made["pipeline"], made["endpoint"]) == (200, "pipeline", work["pipeline"], None)
    async with asyncio.timeout(30), session.get(f"/v1/jobs/{made['id']}/events") as response:
        async for line in response.content:
            if b'"status":"waiting"' in line:
                break
    path = f"/v1/jobs/{made['id']}"
    waiting = (await asked(session, "GET", path))[2]["waiting"]
    assert PROMPT in waiting[0]["question"]
    said = {"signal": waiting[0]["signal"], "value": {"approved": True}}
    assert (await asked(session, "POST", f"{path}/signals", {**said, "signal": "nothing"}))[0] == 404
    assert (await asked(session, "POST", f"{path}/signals", said))[0] == 200
    job = (await followed(session, made["id"]))[-1]
    assert (job["status"], job["response"], job["result"]["text"]) == ("succeeded", None, waiting[0]["question"])
    status, _, told = await asked(session, "POST", "/v1/jobs", {**work, "input": {"model": "echo"}})
    assert (status, told["error"]["type"]) == (400, "invalid_request_error")
