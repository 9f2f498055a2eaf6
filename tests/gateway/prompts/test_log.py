"""The log of prompts: bounded in memory, in a line and on disk, and no call fails for it."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from canaries import CANARY, PERSONAL
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core.config import convert
from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.audit.trail import Trail
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.identity.key import text as key_text
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.privacy.config import PrivacyConfig
from thinmesh_gateway.privacy.work import SLICE
from thinmesh_gateway.prompts import file
from thinmesh_gateway.prompts.file import FILE, PromptsFile
from thinmesh_gateway.prompts.gathered import Gathered
from thinmesh_gateway.prompts.log import PromptsLog
from thinmesh_gateway.prompts.record import Line, Record
from thinmesh_gateway.prompts.redaction import Redaction
from thinmesh_gateway.roles import Models

NOTHING = Redaction(PrivacyConfig())
CALL = AuthorizedCall(
    "r", "t", "p", holder=Principal("p", "t", ()), models=Models(["*"]), trail=Trail(lambda _: None, "rest", "o", None, "r")
)


def ended(log: PromptsLog, prompt: str, *answers: str, most: int = 1000, error: BaseException | None = None) -> None:
    record = Record(CALL, NOTHING, most, log.take)
    record.asked(pb.GenerateRequest(model="m", text=prompt))
    for answer in answers:
        record.event(pb.GenerateEvent(deltas=[pb.Delta(text=answer)]))
    record.end(error)


def lines(state: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (state / FILE).read_text().splitlines()]


def dropped() -> float:
    return REGISTRY.get_sample_value("thinmesh_prompts_dropped_total") or 0.0


async def test_lines_are_their_owners_alone_and_say_how_the_call_ended(state: Path) -> None:
    log = PromptsLog(state)
    ended(log, "a", "b", "c")
    ended(log, "a", error=MeshError(Reason.ENGINE_ERROR, "no"))
    ended(log, "a", error=GeneratorExit())
    await log.aclose()
    assert [(one["outcome"], one["answer"]) for one in lines(state)] == [
        ("ok", [{"kind": "answer", "text": "bc"}]),
        ("ENGINE_ERROR", []),
        ("cancelled", []),
    ]
    assert stat.S_IMODE((state / FILE).stat().st_mode) == 0o600


async def test_what_is_too_long_is_cut_and_says_so(state: Path) -> None:
    log = PromptsLog(state)
    ended(log, "가나다라 마", "12 4", "56", "78", most=5)
    await log.aclose()
    (line,) = lines(state)
    assert line["prompts"] == [{"kind": "prompt", "text": "가나다라 ", "cut": True}]
    assert line["answer"][0]["cut"]
    assert "12 45".startswith(line["answer"][0]["text"])


async def test_what_there_is_no_room_for_is_dropped_and_counted(state: Path) -> None:
    log, before = PromptsLog(state, most_characters=10), dropped()
    for _ in range(3):
        ended(log, "12345")
    assert dropped() == before + 1
    await log.aclose()
    ended(log, "12345")
    await log.aclose()
    assert len(lines(state)) == 3


async def test_a_disk_that_takes_nothing_is_told_and_counted_and_then_forgotten(state: Path) -> None:
    log, before = PromptsLog(state), dropped()
    (state / FILE).mkdir()
    ended(log, "a")
    await log.aclose()
    assert (dropped(), log.trouble is not None) == (before + 1, True)
    (state / FILE).rmdir()
    ended(log, "b")
    await log.aclose()
    assert (len(lines(state)), log.trouble) == (1, None)


async def test_a_text_that_masking_can_not_bear_is_dropped_without_a_word_of_it(
    state: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Record) -> Line:
        raise ValueError("a")

    log, before = PromptsLog(state), dropped()
    monkeypatch.setattr(Record, "line", broken)
    ended(log, "a")
    await log.aclose()
    assert dropped() == before + 1
    assert caplog.messages == ["the log of prompts can't be written, calls are missing in it: ValueError"]


def test_files_are_put_aside_when_they_are_full_and_the_oldest_goes(state: Path) -> None:
    kept = PromptsFile(state, most_bytes=1)
    for number in range(file.OLDER + 3):
        kept.write([Line(number, "r", "t", "m", "ok", [], [])])
    names = [FILE, *(f"prompts.{number}.jsonl" for number in range(1, file.OLDER + 1))]
    assert [json.loads((state / name).read_text())["unix_ms"] for name in names] == [*range(file.OLDER + 2, 1, -1)]
    assert sorted(path.name for path in state.iterdir()) == sorted([*names, file.LOCK])


@given(st.lists(st.sampled_from([*PERSONAL.values(), "EMP-123456", key_text("ab" * 6, "cd" * 32), "word ", " ", ". ", "로 "]), max_size=9).map(" ".join), st.integers(1, 120), st.booleans())  # fmt: skip
def test_nothing_personal_is_left_wherever_a_text_is_cut(text: str, most: int, whole: bool) -> None:
    """Whatever the tenant's own policies are: here they are off. A prefix of a number of which most is gone is none."""
    patterns = {"employee": {"pattern": r"EMP-\d{6}", "policy": "off"}}
    redaction = Redaction(convert({"patterns": patterns}, PrivacyConfig, source="test"))
    gathered = Gathered(10_000 if whole else most)
    for piece in [text[start : start + 7] for start in range(0, len(text), 7)]:
        gathered.add(0, "answer", 0, piece)
    left = "".join(said.text for said in gathered.redacted(redaction))
    assert not [value for value in (*PERSONAL.values(), "EMP-123456", "tm_live_") if value in left]
    if whole:
        assert not any(digit.isdigit() for digit in left)


def test_what_nobody_looks_into_is_left_out() -> None:
    data = f"data:image/png;base64,{CANARY.ljust(80, 'a')}"
    assert NOTHING.redacted(f"see {data}!", json=False, cut=False) == "see <<OPAQUE>>!"
    assert NOTHING.redacted(f"see {data}{'a' * 3 * SLICE}!", json=False, cut=False) == "see <<OPAQUE>>!"
    assert NOTHING.redacted("a" * 2 * SLICE, json=False, cut=False) == "<<OPAQUE>>"
    token = "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0"
    assert NOTHING.redacted(f"Bearer {token}", json=False, cut=False) == "Bearer <<SECRET>>"


SECRETS = re.compile(r"tm_live_\w*|eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?")


@given(st.lists(st.sampled_from(["eyJ", "tm_live_", "a", "-", ".", "_", " ", "가"]), max_size=20).map("".join))
def test_secrets_are_found_wherever_they_begin(text: str) -> None:
    assert NOTHING.redacted(text, json=False, cut=False) == SECRETS.sub("<<SECRET>>", text)


@pytest.mark.parametrize("run", ["eyJ", "eyJ-"])
def test_many_beginnings_of_tokens_end(run: str) -> None:
    text = run * 200_000
    assert NOTHING.redacted(text, json=False, cut=False) in {text, "<<OPAQUE>>"}


def test_json_stays_json() -> None:
    said = NOTHING.redacted(json.dumps({"to": PERSONAL["phone"], "계좌": 110123456789}), json=True, cut=False)
    assert PERSONAL["phone"] not in said
    assert json.loads(said)["to"] == "<<PHONE>>"


def test_tensors_leave_no_line(state: Path) -> None:
    log = PromptsLog(state)
    record = Record(CALL, NOTHING, 10, log.take)
    record.asked(tensor_pb.ModelInferRequest(model_name="m"))
    record.end(None)
    assert not log._waiting
