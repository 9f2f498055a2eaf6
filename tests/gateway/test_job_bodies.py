"""Jobs of the contract as REST tells them."""

from __future__ import annotations

import msgspec
import pytest
from canaries import PROMPT
from hypothesis import given
from hypothesis import strategies as st
from thinmesh.inference.v1 import error_reason_pb2
from thinmesh.inference.v1 import inference_service_pb2 as inference_pb
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import TABLE, Reason
from thinmesh_gateway.openai.job_bodies import Job, job, page

STATES = [state for state in pb.JobState.values() if state != pb.JOB_STATE_UNSPECIFIED]


@given(st.sampled_from(STATES), st.booleans())
def test_every_state_has_a_word_that_the_type_knows(state: pb.JobState.ValueType, cancelling: bool) -> None:  # drawn
    told = msgspec.json.encode(job(pb.Job(id="job-1", state=state, cancelling=cancelling)))
    word = msgspec.json.decode(told, type=Job).status
    assert word == ("cancelling" if cancelling else pb.JobState.Name(state).removeprefix("JOB_STATE_").lower())


@given(st.sampled_from(Reason), st.text(max_size=30), st.sampled_from(["", "infer"]))
def test_an_error_has_what_a_call_would_have_been_told(reason: Reason, message: str, step: str) -> None:
    error = pb.JobError(reason=error_reason_pb2.ErrorReason.ValueType(reason.value), message=message, step=step)
    told = job(pb.Job(state=pb.JOB_STATE_FAILED, error=error)).error
    assert told is not None
    assert (told.message, told.type, told.code, told.step) == (message, TABLE[reason].type, TABLE[reason].code, step or None)


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3))
def test_what_an_endpoint_answered_stands_in_it_byte_for_byte(answer: dict[str, int | str]) -> None:
    body = msgspec.json.encode(answer)
    told = job(pb.Job(state=pb.JOB_STATE_SUCCEEDED, result=pb.JobResult(openai=body)))
    assert (told.result, body in msgspec.json.encode(told)) == (None, True)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (pb.JobResult(pipeline=pb.PipelineAnswer(output='{"a":[1]}')), {"a": [1]}),
        (
            pb.JobResult(generate=inference_pb.GenerateResponse(choices=[inference_pb.Choice(text=PROMPT)])),
            {"choices": [{"text": PROMPT}]},
        ),
        (pb.JobResult(batch=pb.BatchFiles(output_file_id="file-1")), {"output_file_id": "file-1"}),
    ],
)
def test_other_work_tells_what_it_gave_as_its_result(result: pb.JobResult, told: object) -> None:
    one = msgspec.json.decode(msgspec.json.encode(job(pb.Job(state=pb.JOB_STATE_SUCCEEDED, result=result))))
    assert (one["response"], one["result"]) == (None, told)


def test_a_page_says_where_it_ends() -> None:
    jobs = [pb.Job(id=one, state=pb.JOB_STATE_QUEUED) for one in ("job-2", "job-1")]
    listed = page(pb.ListJobsResponse(jobs=jobs, next_page_token="t"))
    assert (listed.first_id, listed.last_id, listed.has_more) == ("job-2", "job-1", True)
    empty = page(pb.ListJobsResponse())
    assert (empty.data, empty.first_id, empty.last_id, empty.has_more) == ([], None, None, False)
