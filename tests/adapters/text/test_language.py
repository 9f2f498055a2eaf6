"""Prompts are made of requests without keeping the loop from its other calls."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime

import pytest
from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from fakes.tokenizers import model_files
from thinmesh_adapters.text.language import Language
from thinmesh_adapters.text.off_loop import AT_ONCE, LONG_BYTES, off_loop
from thinmesh_adapters.text.tokenizer import Tokenizer

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SECONDS = 10.0


def chat(text: str) -> chat_pb2.ChatInput:
    return chat_pb2.ChatInput(messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(text=text)])])


@pytest.mark.parametrize(("length", "beside"), [(100, False), (LONG_BYTES, True)])
async def test_a_long_text_is_worked_on_beside_the_loop_and_a_short_one_at_once(
    monkeypatch: pytest.MonkeyPatch, length: int, beside: bool
) -> None:
    language = Language(model_files())
    encode, seen = Tokenizer.encode, set()

    def watched(self: Tokenizer, text: str, *, special: bool) -> list[int]:
        seen.add(threading.get_ident() != threading.main_thread().ident)
        return encode(self, text, special=special)

    monkeypatch.setattr(Tokenizer, "encode", watched)
    text = "a" * length
    for request in (pb.GenerateRequest(text=text), pb.GenerateRequest(chat=chat(text))):
        assert len((await language.prompt(request, now=NOW)).ids) >= length
    for counted in (pb.CountTokensRequest(text=text), pb.CountTokensRequest(chat=chat(text))):
        assert await language.count(counted, now=NOW) >= length
    assert text in await language.render(chat(text), now=NOW)
    assert seen == {beside}


async def test_few_long_texts_are_worked_on_at_once() -> None:
    go, begun = threading.Event(), threading.Semaphore(0)

    def work() -> bool:
        begun.release()
        return go.wait(SECONDS)

    working = [asyncio.ensure_future(off_loop(LONG_BYTES, work)) for _ in range(AT_ONCE + 1)]
    for _ in range(AT_ONCE):
        assert await asyncio.to_thread(begun.acquire, timeout=SECONDS)
    assert not begun.acquire(blocking=False)
    working[-1].cancel()
    await asyncio.wait([working[-1]])
    go.set()
    assert await asyncio.gather(*working[:-1]) == [True] * AT_ONCE
    assert not begun.acquire(blocking=False)


@pytest.mark.parametrize("special", [True, False])
def test_a_long_text_has_the_tokens_of_its_pieces(special: bool) -> None:
    tokenizer = Tokenizer(model_files()["tokenizer.json"])
    piece = "the sea is 바다 🌊, the sky is blue"
    times = LONG_BYTES // len(piece) + 1
    ids = tokenizer.encode(f" {piece}" * times, special=special)
    assert ids == tokenizer.encode(f" {piece}", special=special) * times
