"""What becomes of an author's function, and what is refused of it."""

from __future__ import annotations

import msgspec
import pytest
from temporalio.exceptions import ApplicationError, FailureError
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_examples.nightly import nightly
from thinmesh_pipelines import flow
from thinmesh_pipelines.flow.pipeline import read
from thinmesh_pipelines.flow.run import ended


class Given(msgspec.Struct):
    text: str


@flow.pipeline("copies", schedule=flow.schedule("5 4 * * *"))
async def copies(given: Given) -> str:
    """Copies a text.

    No more of it is its summary.
    """
    return given.text


def test_a_pipeline_knows_its_name_its_types_and_its_times() -> None:
    about = copies.about
    assert (about.name, about.summary, about.takes, about.gives) == ("copies", "Copies a text.", Given, str)
    assert about.schedule == ("5 4 * * *", "UTC")
    assert nightly.about.schedule == ("0 2 * * *", "Asia/Seoul")


@pytest.mark.parametrize("name", ["", "Upper", "under_score", "-first", "a" * 64, "with space"])
def test_a_name_that_can_not_be_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="lower-case"):
        flow.pipeline(name)


def test_a_function_without_types_is_refused() -> None:
    async def untyped(given, other):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        return given

    with pytest.raises(TypeError, match="takes one value and gives one"):
        flow.pipeline("untyped")(untyped)  # type: ignore[arg-type] # so does mypy


def test_what_it_is_given_must_be_of_its_type() -> None:
    assert read(pb.PipelineWork(input='{"text": "a"}'), Given) == Given("a")
    for wrong in ("", "{", "{}", '{"text": 7}', "[]", '{"text": "a", "more": ' + "[" * 100_000):
        with pytest.raises(flow.Refused) as refused:
            read(pb.PipelineWork(input=wrong), Given)
        assert refused.value.type == Reason.INVALID_REQUEST.name


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("x"), Reason.INTERNAL),
        (TimeoutError(), Reason.DEADLINE_EXCEEDED),
        (MeshError(Reason.QUOTA_EXCEEDED, "no more"), Reason.QUOTA_EXCEEDED),
        (flow.Refused("so"), Reason.INVALID_REQUEST),
        (ExceptionGroup("several", [flow.Refused("so"), KeyError("x")]), Reason.INVALID_REQUEST),
        (ExceptionGroup("several", [ExceptionGroup("within", [KeyError("x")])]), Reason.INTERNAL),
    ],
)
def test_a_run_ends_with_a_reason_of_the_one_table(error: Exception, reason: Reason) -> None:
    told = ended(error)
    assert isinstance(told, ApplicationError)
    assert (told.type, told.non_retryable) == (reason.name, True)


def test_what_temporal_itself_tells_stays_as_it_is() -> None:
    failure = FailureError("as it is")
    assert ended(failure) is failure
