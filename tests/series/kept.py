"""Recordings of what a mesh told while something was done to it, in the form of promtool's tests.

A second of a recording counts as longer (`counts_as`), so that minutes stand for hours. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import yaml
from scraped import Scraped

from thinmesh_deploy.config import MeshConfig
from thinmesh_deploy.seeing.rules import rules

FOLDER = Path(__file__).parent / "recorded"
INSTANCE = {"instance": "127.0.0.1:9464", "job": "thinmesh"}
MODEL = "fake"
CONFIG = msgspec.convert(
    {"tenants": {}, "backends": {"fake": {"adapter": "echo"}}, "models": {MODEL: {"backends": ["fake"]}}}, MeshConfig
)
"""What the rules that are tried are made of: one model, and what is promised where nothing else is said."""

RULES = rules(CONFIG)
NAMED = set(re.findall(r"\b(?:thinmesh|gen_ai)_\w+", RULES))
MISSING = "_"
STALE = "stale"
NAN = "nan"

Labels = tuple[tuple[str, str], ...]


@dataclass
class Recording:
    """Scrapes at equal times, those that failed as None."""

    scrapes: list[Scraped | None] = field(default_factory=list)
    began: float = 0.0
    """The wall clock's time of the first, which is 0 for promtool."""

    def series(self) -> Iterator[dict[str, str]]:
        """What Prometheus would have stored, of what the rules name."""
        yield _series("up", (), ["0" if one is None else "1" for one in self.scrapes])
        found: dict[tuple[str, Labels], dict[int, float]] = {}
        for number, scraped in enumerate(self.scrapes):
            for one in scraped.samples if scraped is not None else ():
                if one.name in NAMED:
                    value = one.value - self.began if one.name.endswith("_unix_seconds") and one.value else one.value
                    found.setdefault((one.name, tuple(sorted(one.labels.items()))), {})[number] = value
        for (name, labels), values in sorted(found.items()):
            yield _series(name, labels, list(self._as_stored(values)))

    def _as_stored(self, values: dict[int, float]) -> Iterator[str]:
        """A series that a scrape does not have is marked as over, once."""
        for number in range(len(self.scrapes)):
            if number in values:
                yield f"{values[number]:g}" if abs(values[number]) < 1e5 else repr(values[number])
            else:
                yield STALE if number - 1 in values else MISSING


def _series(name: str, labels: Labels, values: Iterable[str]) -> dict[str, str]:
    written = ", ".join(f'{label}="{value}"' for label, value in (*INSTANCE.items(), *labels) if value)
    return {"series": f"{name}{{{written}}}", "values": " ".join(_shortened(values))}


def _shortened(values: Iterable[str]) -> Iterator[str]:
    """promtool's notation: 1x3 is 1 and three times 1 again; words can't be repeated so."""
    for value, run in groupby(values):
        times = len(list(run))
        if value in {STALE, NAN} or times < 3:
            yield from [value] * times
        else:
            yield f"{value}x{times if value == MISSING else times - 1}"


def promtool_test(recorded: dict[str, Any], rule_file: str) -> str:
    """A test that exactly those alerts fire that should, at any time of the recording."""
    firing = 'max by (alertname) (max_over_time(ALERTS{alertstate="firing"}[10000h]))'
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in recorded["fires"]]
    end = {"expr": firing, "eval_time": recorded["ends"], "exp_samples": expected}
    test = {"interval": recorded["counts_as"], "input_series": recorded["series"], "promql_expr_test": [end]}
    # promtool takes groups in no order of its own accord, and a peak that lasts for one look may then be seen by no alert.
    order = [group["name"] for group in yaml.safe_load(RULES)["groups"]]
    return yaml.safe_dump(
        {"rule_files": [rule_file], "evaluation_interval": recorded["counts_as"], "group_eval_order": order, "tests": [test]}
    )
