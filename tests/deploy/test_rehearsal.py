"""What would have become of calls under another configuration."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinmesh_deploy.config import MeshConfig
from thinmesh_deploy.rehearsal import Rehearsal, Told
from thinmesh_deploy.rehearse import calls
from thinmesh_gateway.audit.entry import Entry

BACKEND = {"adapter": "echo", "max_concurrency": 1}
SECOND = 1000.0


def config(**more: Any) -> MeshConfig:
    whole = {"tenants": {"a": {}, "b": {}}, "backends": {"x": BACKEND}, "models": {"m": {"backends": ["x"], "aliases": ["al"]}}}
    return msgspec.convert(whole | more, MeshConfig)


def call(came: float, seconds: float = 1.0, tenant: str = "a", model: str = "m", **more: Any) -> Entry:
    ms = seconds * SECOND
    entry = Entry(int((came + seconds) * SECOND), "rest", "o", "ALLOWED", tenant=tenant, model=model, input_tokens=10)
    return msgspec.structs.replace(entry, total_ms=ms, generation_ms=ms, **more)


async def told(entries: list[Entry], **more: Any) -> list[Told]:
    return await Rehearsal(config(**more)).run(entries)


async def decisions(entries: list[Entry], **more: Any) -> list[tuple[str, str]]:
    return [(one.decision, one.why) for one in await told(entries, **more)]


async def test_a_quota_refuses_what_is_beyond_it_and_time_gives_it_back() -> None:
    tenants = {"a": {"quota": {"requests_per_minute": 2}}, "b": {}}
    entries = [call(100), call(102), call(104), call(105, tenant="b"), call(200)]
    found = [(one.entry.unix_ms, one.decision, one.why) for one in await told(entries, tenants=tenants)]
    assert found == [
        (101_000, "ALLOWED", ""),
        (103_000, "ALLOWED", ""),
        (105_000, "QUOTA_EXCEEDED", "requests per minute of tenant a"),
        (106_000, "ALLOWED", ""),
        (201_000, "ALLOWED", ""),
    ]


async def test_tenants_and_models_that_are_gone_are_told() -> None:
    found = await decisions([call(1, tenant="gone"), call(2, model="gone"), call(3, model="al")])
    assert [decision for decision, _ in found] == ["INVALID_KEY", "MODEL_NOT_FOUND", "ALLOWED"]


async def test_a_call_waits_for_a_place_and_not_for_ever() -> None:
    entries = [call(0, 4), call(1, 1), call(1.5, 9)]
    found = await told(entries, queue={"wait_seconds": 3.2})
    assert [(one.entry.unix_ms, one.decision, one.waited) for one in found] == [
        (4000, "ALLOWED", 0),
        (2000, "ALLOWED", 3),
        (10_500, "OVERLOADED", 3.2),
    ]
    assert [one.waited for one in await told([entries[0], entries[1]], backends={"x": {"adapter": "echo"}})] == [0, 0]


async def test_a_more_urgent_tenant_goes_first_and_a_full_queue_refuses() -> None:
    tenants = {"a": {"priority": "batch"}, "b": {"priority": "critical"}}
    entries = [call(0, 5), call(1, tenant="a"), call(2, tenant="b"), call(3, tenant="b")]
    found = [(one.entry.tenant, one.decision) for one in await told(entries, tenants=tenants, queue={"max_waiting": 2})]
    assert found == [("a", "ALLOWED"), ("a", "OVERLOADED"), ("b", "ALLOWED"), ("b", "ALLOWED")]


CALLS = st.builds(call, st.floats(0, 100), st.floats(0.001, 20), st.sampled_from("ab"))


@settings(deadline=None)
@given(st.lists(CALLS, max_size=40))
async def test_every_call_is_told_of_once(entries: list[Entry]) -> None:
    found = await told(entries, queue={"wait_seconds": 5, "max_waiting": 10})
    assert sorted(map(id, entries)) == sorted(id(one.entry) for one in found)
    assert all(0 <= one.waited <= 5.001 for one in found)


def test_lines_that_are_no_calls_of_models_are_left_out() -> None:
    lines = [b"2026-11-26 INFO: x\n", b"{}\n", msgspec.json.encode(call(1)), msgspec.json.encode(call(1, model="-")), b"[1]"]
    assert [one.model for one in calls(lines)] == ["m"]


@pytest.mark.parametrize(
    "line",
    [
        msgspec.json.encode(call(1)).replace(b'"m"', b'"\xff"'),
        msgspec.json.encode(call(1))[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        msgspec.json.encode(call(1)).replace(b'"total_ms":1000.0', b'"total_ms":1e308'),
        msgspec.json.encode(call(1)).replace(b'"unix_ms":2000', b'"unix_ms":9223372036854775807'),
        msgspec.json.encode(call(1)).replace(b'"total_ms":1000.0', b'"total_ms":-1e308'),
    ],
)
def test_a_line_that_nobody_can_have_logged_is_left_out(line: bytes) -> None:
    assert list(calls([line])) == []
