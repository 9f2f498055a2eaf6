"""Pipelines that do what authors do wrong, and what is hard to see from outside."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime
from pathlib import Path

from thinmesh_pipelines import flow

RUNNING: list[int] = [0, 0]
"""How many steps run now, and how many ran together at most."""

THREE = asyncio.Event()
"""That three ran together: until then those that run wait for each other."""


@flow.pipeline("clock")
async def clock(given: str) -> str:
    """Looks at the clock."""
    return datetime.now().isoformat()  # noqa: DTZ005 - what must not be done


@flow.pipeline("dice")
async def dice(given: str) -> float:
    """Throws dice."""
    return random.random()


@flow.pipeline("files")
async def files(given: str) -> str:
    """Reads a file."""
    return Path(given).read_text()


@flow.pipeline("broken")
async def broken(given: str) -> str:
    """Has a fault."""
    return {"a": given}["b"]


@flow.pipeline("unwritable")
async def unwritable(given: str) -> object:
    """Gives what is no JSON."""
    return {"object": object(), "surrogate": "\ud800"}[given]


@flow.pipeline("exiting")
async def exiting(given: str) -> str:
    """Exits."""
    raise SystemExit(given)


@flow.step()
def exits(given: str) -> str:
    """Exits."""
    raise SystemExit(given)


@flow.pipeline("stopping")
async def stopping(given: str) -> str:
    """Has a step that exits."""
    async with asyncio.timeout(2):
        return await exits(given)


@flow.step()
async def together(number: int) -> int:
    """Counts how many of it there are."""
    RUNNING[0] += 1
    RUNNING[1] = max(RUNNING)
    if RUNNING[0] == 3:
        THREE.set()
    await THREE.wait()
    RUNNING[0] -= 1
    return number * number


@flow.pipeline("squares")
async def squares(numbers: list[int]) -> list[int]:
    """Squares numbers, three at once."""
    return await flow.map(together, numbers, at_once=3)


@flow.step()
def second_time(name: str) -> str:
    """Fails the first time."""
    folder = flow.place().folder
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("a") as seen:
        seen.write(f"{flow.place().id}\n")
    if len((folder / name).read_text().splitlines()) < 2:
        raise RuntimeError("the first time")
    return flow.place().id


@flow.step()
def never(number: int) -> int:
    """Refuses."""
    raise flow.Refused(f"not {number}")


@flow.pipeline("persistent")
async def persistent(name: str) -> str:
    """Has a step that fails once."""
    return await second_time(name)


@flow.pipeline("refusing")
async def refusing(numbers: list[int]) -> list[int]:
    """Has steps that refuse, together."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(never(one)) for one in numbers]
    return [one.result() for one in running]


@flow.pipeline("waiting")
async def waiting(seconds: float) -> str:
    """Waits for a person."""
    return (await flow.approval("may it go on?", seconds=seconds)).note


@flow.pipeline("sleeping")
async def sleeping(seconds: float) -> str:
    """Sleeps."""
    await asyncio.sleep(seconds)
    return "awake"
