"""`thinmesh conformance`: the kit against any server, told case by case."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from thinmesh_adapters.conformance.case import Result, Verdict
from thinmesh_adapters.conformance.kit import judge_all
from thinmesh_adapters.conformance.report import as_json, markdown
from thinmesh_adapters.conformance.target import UnfitError, connect
from thinmesh_core.call import AUTHORIZATION
from thinmesh_core.channel import dial
from thinmesh_core.config import ConfigError

_STYLES = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.SKIPPED: "dim"}


async def conformance(at: str, model: str | None, key: str | None, report: Path | None, console: Console) -> bool:
    """Runs every case; writes `report` (.md, and .json beside it). True where none failed."""
    metadata = () if key is None else ((AUTHORIZATION, f"Bearer {key}"),)
    results: list[Result] = []
    async with dial(at) as channel:
        try:
            target = await connect(channel, model, metadata)
        except UnfitError as error:
            raise ConfigError(str(error)) from error
        console.print(f"model {target.model} at {at}")
        async for result in judge_all(target):
            results.append(result)
            verdict = (f"  {result.verdict.value:8}", _STYLES[result.verdict])
            console.print(Text.assemble(verdict, result.case.replace("_", " "), (f"  {result.why}", "dim")))
    counts = {verdict: sum(one.verdict is verdict for one in results) for verdict in Verdict}
    console.print(", ".join(f"{count} {verdict.value}" for verdict, count in counts.items()))
    if report is not None:
        report.with_suffix(".md").write_text(markdown({target.model: results}))
        report.with_suffix(".json").write_text(as_json({target.model: results}))
    return counts[Verdict.FAILED] == 0
