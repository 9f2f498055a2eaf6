"""The console asks once for all pages that look, and says what it can't see."""

from __future__ import annotations

import msgspec
from canaries import PROMPT
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_deploy.config import MeshConfig
from thinmesh_deploy.console.pages import console
from thinmesh_deploy.console.snapshot import job
from thinmesh_deploy.console.watching import Known, Watching

CONFIG = msgspec.convert(
    {"tenants": {}, "backends": {"a": {"adapter": "echo"}}, "models": {"a": {"backends": ["a"]}}}, MeshConfig
)


class Temporal:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    async def current(self, limit: int) -> list[tuple[str, pb.Job]]:
        self.asked += 1
        if self.away:
            raise MeshError(Reason.JOBS_UNAVAILABLE, "Jobs can't be looked up now.")
        return [("search", pb.Job(id="job-1", state=pb.JOB_STATE_RUNNING, kind="generate"))]


def known(temporal: Temporal) -> Known:
    return Known("worker", lambda: CONFIG, list, jobs=temporal.current, unseen=("Models are a router's to show.",))


async def test_many_pages_are_one_question() -> None:
    temporal = Temporal()
    watching = Watching(known(temporal))
    first, second = await watching.snapshot(), await watching.snapshot()
    assert first is second
    assert temporal.asked == 1


async def test_what_is_elsewhere_is_said_to_be_and_what_fails_is_told() -> None:
    temporal = Temporal()
    temporal.away = True
    seen = await Watching(known(temporal)).snapshot()
    assert (seen.sight, seen.jobs, seen.jobs_trouble) == (None, None, "Jobs can't be looked up now.")
    assert seen.unseen == ("Models are a router's to show.",)


def test_a_job_is_shown_without_what_it_was_asked_and_what_it_gave() -> None:
    told = pb.Job(
        id="job-1", state=pb.JOB_STATE_WAITING, kind="pipeline", pipeline="draft", created_unix_seconds=7, cancelling=True
    )
    told.waiting.add(signal="approve", question=PROMPT)
    told.error.message = PROMPT
    told.progress.total, told.progress.done, told.progress.failed = 10, 3, 1
    shown = job("search", told)
    assert (shown.kind, shown.state, shown.done, shown.total, shown.link) == ("draft", "cancelling", 4, 10, None)
    assert PROMPT.encode() not in msgspec.json.encode(shown)


async def test_every_page_forbids_what_is_not_its_own() -> None:
    pages = console(known(Temporal()))
    for path in ("/console/", "/console/console.js", "/console/console.css", "/console/icon.svg", "/console/snapshot.json"):
        answer = await pages(path)
        assert answer is not None
        headers = dict(answer.headers)
        assert b"default-src 'none'" in headers[b"content-security-policy"]
        assert headers[b"x-content-type-options"] == b"nosniff"
    assert await pages("/console/../watching.py") is None
    moved = await pages("/")
    assert moved is not None
    assert (moved.status, dict(moved.headers)[b"location"]) == (307, b"/console/")
