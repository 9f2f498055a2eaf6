"""What of a call an entry may hold."""

from __future__ import annotations

import asyncio

import pytest

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.audit.entry import Entry, decision, model_name
from thinmesh_gateway.audit.trail import Trail
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.roles import Action


@pytest.mark.parametrize("name", ["", "gpt-4o", "01-ai/Yi-34B", "org/mine:free", "a" * 128])
def test_a_model_is_told_as_it_was_asked_for(name: str) -> None:
    assert model_name(name, "ALLOWED") == name
    assert model_name(name, "PERMISSION_DENIED") == name


@pytest.mark.parametrize(
    "name",
    [
        "010-2345-6789",
        "900101-1234568",
        "kim@naver.com",
        "two words",
        "a\nb",
        "모델",
        "a" * 129,
        "tm_live_0123456789ab_x",
        "\ud800",
    ],
)
def test_what_looks_like_no_model_is_not_told(name: str) -> None:
    assert model_name(name, "PERMISSION_DENIED") == "-"


def test_a_model_that_is_not_there_may_be_anything_and_is_not_told() -> None:
    assert model_name("sk-abcdef", "MODEL_NOT_FOUND") == "-"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (None, "ALLOWED"),
        (MeshError(Reason.QUOTA_EXCEEDED, "m"), "QUOTA_EXCEEDED"),
        (ValueError("secret"), "INTERNAL"),
        (asyncio.CancelledError(), "CANCELLED"),
        (GeneratorExit(), "CANCELLED"),
    ],
)
def test_every_end_has_a_decision(error: BaseException | None, told: str) -> None:
    assert decision(error) == told


def test_a_trail_is_written_once_with_the_first_cause() -> None:
    entries: list[Entry] = []
    trail = Trail(entries.append, "rest", "POST /v1/completions", Action.INFER, "r")
    trail.holder = Principal("alice", "t", ("user",), "0123456789ab")
    trail.model = "echo"
    trail.found({"phone": 1})
    trail.found({"phone": 1, "email": 2})
    trail.failed(MeshError(Reason.OVERLOADED, "m"))
    trail.end(asyncio.CancelledError())
    trail.end()
    (entry,) = entries
    told = Entry(
        entry.unix_ms,
        "rest",
        "POST /v1/completions",
        "OVERLOADED",
        "infer",
        "t",
        "alice",
        "0123456789ab",
        "echo",
        "r",
        personal_data={"phone": 2, "email": 2},
        total_ms=entry.total_ms,
        gateway_ms=entry.total_ms,
    )
    assert entry == told


def test_calls_within_a_call_are_told_instead_of_it() -> None:
    entries: list[Entry] = []
    with Trail(entries.append, "grpc", "stream", Action.TENSORS, "r") as trail:
        for model in ("a", "b"):
            with trail.each() as one:
                one.model = model
    assert [entry.model for entry in entries] == ["a", "b"]
