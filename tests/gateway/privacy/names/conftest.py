"""One real tagger for all tests that need it: its model takes seconds to load and half a gigabyte."""

from __future__ import annotations

import pytest

from thinmesh_gateway.privacy.names.tagger import Tagger


@pytest.fixture(scope="session")
def tagger() -> Tagger:
    return Tagger()
