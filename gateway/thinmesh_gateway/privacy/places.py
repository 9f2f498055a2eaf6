"""Where in a text something is. Pure."""

from __future__ import annotations

from typing import TypeAlias

Place: TypeAlias = tuple[int, int]
"""From one offset up to another."""
