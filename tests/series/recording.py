"""Records what a real mesh tells while each fault is caused, for the tests of alerts: `make series`; ARGS names some of them."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import yaml
from series.bed import Bed
from series.kept import FOLDER
from series.scenarios import SCENARIOS, Scenario


async def record(scenario: Scenario) -> None:
    """Causes one fault, and keeps what was told meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="tm-", dir="/tmp"))
    bed = Bed(folder, scenario.period)
    await scenario.cause(bed)
    shutil.rmtree(folder)
    count, unit = int(scenario.counts_as[:-1]), scenario.counts_as[-1]
    told = {
        "done": (scenario.cause.__doc__ or "").strip(),
        "scraped_every": f"{scenario.period:g}s",
        "counts_as": scenario.counts_as,
        "ends": f"{count * (len(bed.recording.scrapes) - 1)}{unit}",
        "series": list(bed.recording.series()),
    }
    file = FOLDER / f"{scenario.cause.__name__}.yaml"
    file.write_text(yaml.safe_dump(told, sort_keys=False, width=1_000_000))
    print(f"{file.name}: {len(bed.recording.scrapes)} scrapes")


async def main(names: set[str]) -> None:
    """One after the other: they would disturb each other."""
    FOLDER.mkdir(exist_ok=True)
    for scenario in SCENARIOS:
        if not names or scenario.cause.__name__ in names:
            await record(scenario)


if __name__ == "__main__":
    asyncio.run(main(set(sys.argv[1:])))
