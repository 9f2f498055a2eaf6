"""Why a model is slow, in a sentence, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from thinmesh_deploy.diagnose.advice import advice
from thinmesh_deploy.diagnose.stages import Stage, Stages, behind
from thinmesh_deploy.sight import BackendSeen
from thinmesh_deploy.tables import lasting


@dataclass(frozen=True, slots=True)
class Line:
    """A stage, what it takes a call on average, and its share of the whole."""

    stage: Stage
    seconds: float
    share: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`of` says which calls were looked at; `backend` is the one at fault, where it is one."""

    model: str
    of: str
    cause: str
    backend: str | None
    stages: tuple[Line, ...]
    advice: tuple[str, ...]


def verdict(model: str, of: str, seen: Stages | None, backends: Sequence[BackendSeen]) -> Verdict:
    """What is to be said of a model whose calls went so, on these backends."""
    late = behind(backends)
    slow, times = late or (None, 0.0)
    at_fault = backends if slow is None else [slow]
    alone = at_fault[0] if len(at_fault) == 1 else None
    causes, advised, lines = [], [], []
    if slow is not None:
        causes.append(f"the backend {slow.backend} begins to answer {times:.0f} times later than the model's others")
        advised.append(f"`thinmesh drain {slow.backend}` while you look at its machine and its log")
    if seen is not None:
        stage = seen.longest.stage
        at = f", at {alone.backend} ({alone.adapter})" if alone is not None and stage in ENGINES else ""
        causes.append(f"{_sentence(seen)}{at}")
        advised += advice(stage, at_fault)
        lines = [Line(one.stage, one.seconds, seen.share(one)) for one in seen.took]
    cause = "; ".join(causes) or "nothing was measured that says why; call it, and ask again meanwhile"
    return Verdict(model, of, cause, None if alone is None else alone.backend, tuple(lines), tuple(advised))


ENGINES = {Stage.ENGINE_QUEUE, Stage.FIRST_TOKEN, Stage.GENERATION}
"""The stages that are the engine's own."""

PLACES = {
    Stage.GATEWAY: "the gateway",
    Stage.QUEUE: "the mesh's queue",
    Stage.ENGINE_QUEUE: "the engine's queue",
    Stage.FIRST_TOKEN: "the engine before the first token",
    Stage.GENERATION: "generation",
}


def show(said: Verdict) -> RenderableType:
    """For a terminal: the cause, where the time goes, and what to try."""
    shown = Table("stage", *_right("a call", "share"), header_style="bold", box=None)
    for one in said.stages:
        shown.add_row(one.stage.value, lasting(one.seconds), f"{one.share:.0%}")
    parts: list[RenderableType] = [Text(f"{said.model}, {said.of}: {said.cause}", "bold")]
    if said.stages:
        parts.append(shown)
    return Group(*parts, *(Text(f"→ {one}") for one in said.advice))


def _sentence(seen: Stages) -> str:
    """Where most of the time goes."""
    longest = seen.longest
    pace = f", {lasting(seen.per_token)} a token" if longest.stage is Stage.GENERATION and seen.per_token else ""
    return f"{seen.share(longest):.0%} of the time goes by in {PLACES[longest.stage]}: {lasting(longest.seconds)} a call{pace}"


def _right(*names: str) -> list[Column]:
    return [Column(name, justify="right") for name in names]
