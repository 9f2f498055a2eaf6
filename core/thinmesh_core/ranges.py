"""The ranges of numbers in thinmesh.yaml. None is endless, so that `.nan` and `.inf` are refused too."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

YEAR_SECONDS = 366 * 86400

MOST = 10**15
"""The highest limit: a store counts in doubles, which are exact to nine times as many."""

MILLION = 1_000_000

Seconds = Annotated[float, Meta(gt=0, le=YEAR_SECONDS)]
"""A time that something may take."""

Pause = Annotated[float, Meta(ge=0, le=YEAR_SECONDS)]
"""A time that may be none."""

Count = Annotated[int, Meta(ge=0, le=MOST)]
Money = Annotated[float, Meta(ge=0, le=MOST // MILLION)]
"""In whole units of the price table's currency; it is counted in millionths."""

Weight = Annotated[float, Meta(ge=1e-6, le=1e6)]
Share = Annotated[float, Meta(ge=0, lt=1)]
Store = Annotated[str, Meta(pattern="^(memory|rediss?://.+|unix:///.+)$")]
"""`memory`, or the address of a Redis or Valkey."""

Concurrency = Annotated[int, Meta(ge=1, le=MILLION)]
"""Calls at once."""
