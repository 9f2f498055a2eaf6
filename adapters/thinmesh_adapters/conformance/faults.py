"""Cases of what goes wrong: an engine that is lost, and one that fails."""

from __future__ import annotations

import grpc
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.conformance.case import Case, engine_switches, generation
from thinmesh_adapters.conformance.engine import Trouble, faulty
from thinmesh_adapters.conformance.target import Target, expect, refusal
from thinmesh_core.errors import Reason

ENGINES_WORDS = "Xid-31 10.1.2.3 sk-123 /models/secret.bin"
"""What an engine may say of a failure, and no caller is to read."""


async def an_engine_lost_before_the_first_token_is_unavailable(target: Target) -> None:
    """ENGINE_UNAVAILABLE, which another backend may make good; an engine that is back is used again."""
    assert target.engine is not None
    with faulty(target.engine, Trouble.LOSS):
        expect(await refusal(target.generate(target.request())), Reason.ENGINE_UNAVAILABLE)
        expect(await refusal(target.read(target.request())), Reason.ENGINE_UNAVAILABLE)
    await target.read(target.request())


async def an_engine_lost_in_an_answer_is_unavailable(target: Target) -> None:
    """What was said stands, then ENGINE_UNAVAILABLE, and never an end as if all were well."""
    assert target.engine is not None
    with faulty(target.engine, Trouble.LOSS, after=2):
        said, error = await _until_it_breaks(target)
        assert said, "nothing was said before the loss"
        expect(error, Reason.ENGINE_UNAVAILABLE)
        expect(await refusal(target.generate(target.request())), Reason.ENGINE_UNAVAILABLE)
    await target.read(target.request())


async def an_engines_words_stay_inside(target: Target) -> None:
    """ENGINE_ERROR in words of the mesh's own, before the first token and after it."""
    assert target.engine is not None
    for after in (0, 2):
        with faulty(target.engine, Trouble.FAILURE, after=after, words=ENGINES_WORDS):
            _, error = await _until_it_breaks(target)
            for one in (error, await refusal(target.generate(target.request()))):
                expect(one, Reason.ENGINE_ERROR)
                told = f"{one.details()} {one.trailing_metadata()}"
                assert not any(word in told for word in ENGINES_WORDS.split()), f"the engine's words got out: {told}"


async def _until_it_breaks(target: Target) -> tuple[list[pb.GenerateEvent], grpc.aio.AioRpcError]:
    said: list[pb.GenerateEvent] = []

    async def read() -> None:
        async for event in target.stream(target.request()):
            said.append(event)
            assert not event.finishes, "it finished"

    return said, await refusal(read())


CASES = (
    Case(an_engine_lost_before_the_first_token_is_unavailable, (generation, engine_switches)),
    Case(an_engine_lost_in_an_answer_is_unavailable, (generation, engine_switches)),
    Case(an_engines_words_stay_inside, (generation, engine_switches)),
)
