"""Runs all scenarios in full, writes the report and says what does not hold. `make simulate` runs it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.simulate.report import write
from bench.simulate.scenarios.catalogue import SCENARIOS


def main(folder: Path) -> int:
    """The exit status."""
    results = []
    for scenario in SCENARIOS:
        began = time.process_time()
        result = scenario(1.0)
        results.append(result)
        print(f"{result.title}: {time.process_time() - began:.1f} s of CPU")
    write(results, folder)
    missed = [f"{result.title}: {one.what} is {one.measured}" for result in results for one in result.figures if not one.holds]
    print("\n".join(missed) or f"all {sum(len(result.figures) for result in results)} figures hold; {folder / 'simulation.md'}")
    return len(missed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
