"""What the cases said, as Markdown and as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from thinmesh_adapters.conformance.case import Result, Verdict

_MARKS = {Verdict.PASSED: "yes", Verdict.FAILED: "**no**", Verdict.SKIPPED: "-"}


def markdown(results: Mapping[str, Sequence[Result]]) -> str:
    """A table of cases by target, then every failure and every skip with its reason."""
    targets = list(results)
    cases = list(dict.fromkeys(result.case for listed in results.values() for result in listed))
    found = {(target, result.case): result for target, listed in results.items() for result in listed}
    lines = [f"| case | {' | '.join(targets)} |", "|---" * (len(targets) + 1) + "|"]
    for case in cases:
        marks = [_MARKS[found[target, case].verdict] if (target, case) in found else "" for target in targets]
        lines.append(f"| {case.replace('_', ' ')} | {' | '.join(marks)} |")
    for verdict, title in ((Verdict.FAILED, "Failed"), (Verdict.SKIPPED, "Not run, and why")):
        reasons = [
            f"- {target}: {result.case.replace('_', ' ')}: {result.why}"
            for target, listed in results.items()
            for result in listed
            if result.verdict is verdict
        ]
        if reasons:
            lines += ["", f"## {title}", "", *reasons]
    return "\n".join(lines) + "\n"


def as_json(results: Mapping[str, Sequence[Result]]) -> str:
    """The same, for machines."""
    listed = {
        target: [{"case": one.case, "verdict": one.verdict.value, "why": one.why} for one in ones]
        for target, ones in results.items()
    }
    return json.dumps(listed, indent=2) + "\n"
