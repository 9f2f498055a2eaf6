"""What came in over the day, sorted at night, when the engines have time."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from thinmesh_pipelines import flow

INBOX, SORTED = "inbox", "sorted"


@dataclass(frozen=True)
class Kinds:
    """What notes may be, and the model that says which."""

    kinds: list[str]
    model: str = "smollm2"


@dataclass(frozen=True)
class Sorted:
    """How many notes of each kind there were."""

    counts: dict[str, int]


@flow.step()
def notes() -> dict[str, str]:
    """The notes of the tenant's folder, by their names."""
    return {path.stem: path.read_text() for path in sorted((flow.place().folder / INBOX).glob("*.txt"))}


@flow.step()
def report(kinds: dict[str, str]) -> None:
    """Writes which note is what, and takes the notes out of the inbox. Done twice it is done once."""
    folder = flow.place().folder
    done = folder / SORTED
    done.mkdir(parents=True, exist_ok=True)
    (done / f"{flow.place().id}.json").write_bytes(msgspec.json.encode(kinds))
    for name in kinds:
        (folder / INBOX / f"{name}.txt").unlink(missing_ok=True)


@flow.pipeline("example-nightly", schedule=flow.schedule("0 2 * * *", zone="Asia/Seoul"))
async def nightly(given: Kinds) -> Sorted:
    """Sorts the notes of a folder by what they are about, every night."""
    found = await notes()
    schema = {"enum": given.kinds}

    async def kind(note: str) -> str:
        prompt = f"Which of {', '.join(given.kinds)} is this?\n\n{note}"
        return (await flow.chat(given.model, prompt, schema=schema, max_tokens=16, temperature=0.0)).read(str)

    kinds = dict(zip(found, await flow.map(kind, found.values()), strict=True))
    await report(kinds)
    return Sorted({one: list(kinds.values()).count(one) for one in given.kinds})
