"""What a job is called, and what the gateway is told of whose it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from thinmesh_core.behalf import owner_of
from thinmesh_core.call import from_metadata
from thinmesh_core.errors import Reason
from thinmesh_core.priority import Priority
from thinmesh_pipelines.job import Owner, failed, job_of, new_id, workflow_id

TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


def test_every_step_says_whose_it_is_and_of_which_trace() -> None:
    owner = Owner("acme", "somebody", ("user", "reader"), key=False, priority=Priority.BATCH, traceparent=TRACE)
    sent = owner.metadata("job-1.2")
    call = from_metadata(sent)
    assert (call.request_id, call.step) == ("job-1.2", "job-1.2")
    assert (call.tenant, call.principal, call.priority, call.traceparent) == ("acme", "somebody", Priority.BATCH, TRACE)
    assert owner_of(sent) == (("user", "reader"), False)


def test_a_job_of_before_has_no_trace() -> None:
    assert from_metadata(Owner("acme", "somebody", (), key=True, priority=1).metadata("job-1.1")).traceparent is None


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_a_key_is_its_tenants_alone(one: str, another: str, key: str) -> None:
    assert new_id(one, key) == new_id(one, key)
    assert (new_id(one, key) == new_id(another, key)) == (one == another)
    assert job_of(workflow_id(one, new_id(one, key))) == new_id(one, key)


def test_jobs_without_a_key_are_jobs_of_their_own() -> None:
    assert new_id("acme", None) != new_id("acme", None)


def test_a_failure_has_a_reason_of_the_one_table() -> None:
    assert failed("QUOTA_EXCEEDED", "no more", "chat").reason == Reason.QUOTA_EXCEEDED.value
    assert failed("KeyError", "x", "chat").reason == failed(None, "x", "").reason == Reason.INTERNAL.value
    assert len(failed(None, "x" * 1000, "").message) == 512
