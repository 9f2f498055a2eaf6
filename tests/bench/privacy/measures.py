"""What is measured of a detector on cases, and of streams on texts."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import NamedTuple

from thinmesh.inference.v1 import inference_service_pb2 as pb

from bench.privacy.corpus import Case, prompt
from thinmesh_gateway.privacy.config import PrivacyConfig
from thinmesh_gateway.privacy.detector import OPAQUE, PLACEHOLDER, Detector
from thinmesh_gateway.privacy.entities import Entity
from thinmesh_gateway.privacy.folding import fold
from thinmesh_gateway.privacy.policy import Privacy
from thinmesh_gateway.privacy.rewriter import Rewriter
from thinmesh_gateway.privacy.work import at_once

Spans = Sequence[tuple[int, int]]
Asked = Callable[[Sequence[str]], list[tuple[Spans, float]]]
"""Spans and CPU-seconds of each text."""

DETECTOR = Detector()


class Found(NamedTuple):
    """Shares of 1: values covered, by entity; spans that are on a value; harmless texts with any span. CPU-seconds of long texts."""

    recall: dict[Entity, float]
    precision: float
    flagged: float
    seconds: list[float]

    @property
    def all_recall(self) -> float:
        """Over all entities, of which there are equally many."""
        return sum(self.recall.values()) / len(self.recall)


class Streams(NamedTuple):
    """Cuts that were made and that made a difference, characters held back after each piece, CPU-seconds of each piece."""

    cuts: int
    differences: int
    held: list[int]
    seconds: list[float]


def thinmesh(texts: Sequence[str]) -> list[tuple[Spans, float]]:
    """Asks our own detector, folding included."""
    answers: list[tuple[Spans, float]] = []
    for text in texts:
        began = time.thread_time()
        found = DETECTOR.find(fold(text), 0, opaque=False, final=True)
        seconds = time.thread_time() - began
        answers.append(([(start, end) for kind, start, end in found.spans if kind not in {OPAQUE, PLACEHOLDER}], seconds))
    return answers


def presidio(python: Path) -> Asked:
    """Asks Presidio in its own environment."""

    def asked(texts: Sequence[str]) -> list[tuple[Spans, float]]:
        command = [str(python), str(Path(__file__).with_name("presidio.py"))]
        done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
        answers: list[tuple[Spans, float]] = json.loads(done.stdout)
        return answers

    return asked


def measured(asked: Asked, personal: Sequence[Case], harmless: Sequence[Case], long: Sequence[str]) -> Found:
    """Asks for all cases, and for the long texts' time."""
    hits: dict[Entity, list[bool]] = {}
    right = wrong = 0
    for case, (spans, _) in zip(personal, asked([case.text for case in personal]), strict=True):
        assert case.entity is not None
        start = case.text.index(case.value)
        within = [span for span in spans if span[0] < start + len(case.value) and span[1] > start]
        covered = {place for span in within for place in range(*span)}
        missing = [
            place for place in range(start, start + len(case.value)) if place not in covered and case.text[place].isalnum()
        ]
        hits.setdefault(case.entity, []).append(not missing)
        right, wrong = right + len(within), wrong + len(spans) - len(within)
    flagged = [spans for spans, _ in asked([case.text for case in harmless]) if spans]
    wrong += sum(map(len, flagged))
    recall = {entity: sum(found) / len(found) for entity, found in hits.items()}
    seconds = [seconds for _, seconds in asked(long)]
    return Found(recall, right / (right + wrong), len(flagged) / len(harmless), seconds)


def streams(chance: Random, cuts: int) -> Streams:
    """Cuts prompts into pieces like tokens and compares what comes out with the whole."""
    held: list[int] = []
    seconds: list[float] = []
    differences = 0
    for _ in range(cuts):
        text = prompt(chance, chance.randrange(40, 240))
        expected = at_once(Rewriter(DETECTOR, _replaced).whole(text))
        rewriter, at, came = Rewriter(DETECTOR, _replaced), 0, ""
        plain = Rewriter(DETECTOR, lambda kind, value: value)
        passed = 0
        while at < len(text):
            piece = text[at : at + chance.choice((1, 1, 2, 3, 4, 7, 30))]
            at += len(piece)
            began = time.thread_time()
            came += rewriter.feed(piece)
            seconds.append(time.thread_time() - began)
            passed += len(plain.feed(piece))
            held.append(at - passed)
        differences += came + rewriter.end() != expected
    return Streams(cuts, differences, held, seconds)


def round_trips(chance: Random, count: int) -> int:
    """How many texts do not come back as they were from a model that repeats what it is sent."""
    privacy = Privacy(PrivacyConfig(default="reversible"))
    lost = 0
    for _ in range(count):
        session, text = privacy.open(), prompt(chance, 300)
        request = at_once(session.request(pb.GenerateRequest(text=text)))
        answer = at_once(session.response(pb.GenerateResponse(choices=[pb.Choice(text=request.text)])))
        lost += answer.choices[0].text != text
    return lost


def quantile(values: Sequence[float], share: float) -> float:
    """A quantile by hundredths."""
    return quantiles(values, n=100)[round(share * 100) - 1]


def _replaced(kind: str, value: str) -> str:
    return f"<<{kind.upper()}>>"
