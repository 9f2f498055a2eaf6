"""What is kept of a response: it comes back as it was, and the next one goes on from it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from canaries import PROMPT
from thinmesh.inference.v1 import error_reason_pb2, usage_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2 as job_pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.wire import MAX_RECORD_BYTES
from thinmesh_gateway.replies import answers, job, requests
from thinmesh_gateway.replies.items import OutputText
from thinmesh_gateway.replies.record import MAX_ASKED_BYTES, Record, check, listed, packed, unpacked

CALL = pb.Choice(text="t", reasoning="hm", finish_reason=pb.FINISH_REASON_TOOL_CALLS)
CALL.tool_calls.add(id="c", name="f", arguments_json='{"x": 1}')


def recorded(choice: pb.Choice = CALL, **fields: Any) -> Record:
    body = requests.decode(json.dumps({"model": "m", "input": PROMPT} | fields).encode())
    begun = answers.begun(body, "resp_0a", 7, "default", store=True)
    whole = answers.whole(begun, pb.GenerateResponse(choices=[choice], usage=usage_pb2.Usage(prompt_tokens=1)), 9)
    return Record(whole, listed(body.input, "resp_0a"), [])


def test_a_record_comes_back_as_it_was() -> None:
    form = {"type": "json_schema", "name": "s", "schema": {"type": "object"}}
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    record = recorded(text={"format": form}, tools=[tool], metadata={"a": "b"})
    assert unpacked(packed(record)) == record
    assert packed(unpacked(packed(record))) == packed(record)


def test_a_conversation_is_what_was_asked_and_said_but_not_what_was_thought() -> None:
    record = recorded()
    assert [(item.type, item.role) for item in record.conversation] == [
        ("message", "user"),
        ("message", "assistant"),
        ("function_call", None),
    ]
    after = msgspec.structs.replace(record, before=record.conversation)
    assert len(after.conversation) == 6


def test_the_input_is_told_as_items_with_ids_and_parts() -> None:
    given: list[dict[str, Any]] = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
    ]
    items = json.loads(msgspec.json.encode(recorded(input=given).given))
    assert [item["id"] for item in items] == ["msg_i0a000", "msg_i0a001", "fco_i0a002"]
    assert items[0]["content"] == [{"type": "input_text", "text": "a"}]
    assert items[1]["content"][0]["type"] == "output_text"
    assert items[2] == {
        "type": "function_call_output",
        "id": "fco_i0a002",
        "status": "completed",
        "call_id": "c",
        "output": "1",
    }


def test_what_could_not_be_kept_with_its_answer_is_refused() -> None:
    check(recorded(input="x" * (MAX_ASKED_BYTES - 4096)))
    with pytest.raises(MeshError) as refused:
        check(recorded(input="x" * MAX_ASKED_BYTES))
    assert (refused.value.reason, refused.value.param) == (Reason.REQUEST_TOO_LARGE, "store")


def test_what_is_too_large_with_its_answer_is_not_packed() -> None:
    choice = pb.Choice(text="x" * MAX_RECORD_BYTES, finish_reason=pb.FINISH_REASON_STOP)
    with pytest.raises(MeshError) as refused:
        packed(recorded(choice))
    assert refused.value.reason is Reason.REQUEST_TOO_LARGE


def test_what_the_model_is_not_told_of_a_part_is_not_kept() -> None:
    part = {"type": "output_text", "text": "b", "annotations": [{"deep": [[[]]]}], "logprobs": []}
    (item,) = recorded(input=[{"role": "assistant", "content": [part]}]).given
    assert item.content == [OutputText(text="b")]


def test_a_job_and_its_response_name_each_other() -> None:
    assert job.job_id(job.response_id("job-0a1b")) == "job-0a1b"


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (job_pb.JOB_STATE_QUEUED, "queued"),
        (job_pb.JOB_STATE_RUNNING, "in_progress"),
        (job_pb.JOB_STATE_SUCCEEDED, "completed"),
        (job_pb.JOB_STATE_FAILED, "failed"),
        (job_pb.JOB_STATE_CANCELLED, "cancelled"),
        (job_pb.JOB_STATE_EXPIRED, "failed"),
    ],
)
def test_a_response_in_the_background_is_as_its_job_is(state: job_pb.JobState.ValueType, status: str) -> None:
    body = requests.decode(b'{"model": "m", "input": "a", "background": true}')
    queued = answers.begun(body, "resp_0a", 7, "default", store=True, status="queued")
    error = job_pb.JobError(reason=error_reason_pb2.ERROR_REASON_ENGINE_ERROR, message="no")
    told = job_pb.Job(state=state, ended_unix_seconds=9, error=error)
    told.result.generate.choices.add(text="a", finish_reason=pb.FINISH_REASON_STOP)
    assert job.told(queued, told).status == status
