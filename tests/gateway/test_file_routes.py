"""Numbers of a query."""

from __future__ import annotations

import pytest

from thinmesh_core.errors import MeshError
from thinmesh_gateway.openai.file_routes import whole


@pytest.mark.parametrize("text", ["", "0", "-1", "10001", "1e3", "²", "00000000100000000000", "9" * 5000])
def test_what_is_no_number_of_a_page_is_refused(text: str) -> None:
    with pytest.raises(MeshError, match="limit must be"):
        whole("limit", text)


def test_a_number_of_a_page_is_read() -> None:
    assert [whole("limit", text) for text in (None, "1", "10000")] == [None, 1, 10_000]
