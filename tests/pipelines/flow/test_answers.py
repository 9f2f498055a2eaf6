"""What authors read of answers: typed, or an end that says what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_pipelines import flow
from thinmesh_pipelines.flow.tensors import _packed, _unpacked


def test_a_models_answer_is_read_as_a_type() -> None:
    assert flow.Reply('{"a": 1}', whole=True, prompt_tokens=1, completion_tokens=1).read(dict[str, int]) == {"a": 1}
    with pytest.raises(flow.Refused, match="raise max_tokens"):
        flow.Reply('{"a": ', whole=False, prompt_tokens=1, completion_tokens=1).read(dict)


def test_a_services_answer_is_read_where_it_is_a_success() -> None:
    assert flow.Answered(200, {}, b"[1]").json(list[int]) == [1]
    with pytest.raises(flow.Refused, match="answered 404"):
        flow.Answered(404, {}, b"[1]").json(list[int])
    with pytest.raises(flow.Refused, match="answered no"):
        flow.Answered(200, {}, b"<html>").json(list[int])


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_tensors_of_bytes_come_back(values: list[bytes]) -> None:
    assert list(_unpacked("BYTES", _packed("x", flow.Tensor("BYTES", [len(values)], values)))) == values


@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=8))
def test_tensors_of_numbers_come_back(values: list[int]) -> None:
    assert list(_unpacked("INT32", _packed("x", flow.Tensor("INT32", [len(values)], values)))) == values


@pytest.mark.parametrize(("datatype", "values"), [("INT8", [300]), ("BF16", [1.0]), ("WHAT", [1]), ("FP32", [b"x"])])
def test_an_element_that_is_none_of_its_type_is_refused(datatype: str, values: list[int]) -> None:
    with pytest.raises(flow.Refused, match="that is no"):
        _packed("x", flow.Tensor(datatype, [len(values)], values))
