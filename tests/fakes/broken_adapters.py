"""An adapter in front of a ScriptedEngine that it calls without a socket, and others that each break the contract in one way."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import ClassVar, Self

from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2

from thinmesh_adapters.conformance.engine import EngineFailedError, EngineLostError, ScriptedEngine, Token
from thinmesh_adapters.contract import Adapter, EngineStatus, Model
from thinmesh_core.call import Call
from thinmesh_core.config import Section
from thinmesh_core.errors import MeshError, Reason

FINISHES = {"stop": pb.FINISH_REASON_STOP, "length": pb.FINISH_REASON_LENGTH}
LOST = MeshError(Reason.ENGINE_UNAVAILABLE, "The model's engine was lost.")


class Options(Section, frozen=True, kw_only=True):
    """None."""


class Sound(Adapter[Options]):
    """Keeps the contract."""

    options_type = Options
    engine: ClassVar[ScriptedEngine]
    stops = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass

    async def status(self) -> EngineStatus:
        return EngineStatus((Model("m", frozenset({cap.CAPABILITY_COMPLETION}), 1 << 20),), max_concurrency=4)

    async def generate(self, request: pb.GenerateRequest, call: Call) -> AsyncGenerator[pb.GenerateEvent, None]:
        characters, count = codecs.getincrementaldecoder("utf-8")(), 0
        async with aclosing(self.tokens(request)) as tokens:
            try:
                async for token in tokens:
                    if token.finish is None:
                        count += 1
                        yield pb.GenerateEvent(deltas=[pb.Delta(text=self.text(characters, token.data))])
                    else:
                        usage = usage_pb2.Usage(prompt_tokens=len(request.text.split()), completion_tokens=count)
                        yield pb.GenerateEvent(finishes=[pb.Finish(reason=FINISHES[token.finish])], usage=usage)
            except EngineLostError:
                raise LOST from None
            except EngineFailedError as failure:
                raise MeshError(Reason.ENGINE_ERROR, self.told(failure)) from None

    async def tokens(self, request: pb.GenerateRequest) -> AsyncGenerator[Token, None]:
        stopping = request.stopping
        stops = list(stopping.stop) if self.stops else []
        answer = self.engine.answer(
            await self.prompt(request), most=stopping.max_tokens, stops=stops, endless=stopping.ignore_eos
        )
        async with aclosing(answer) as tokens:
            async for token in tokens:
                yield token

    async def prompt(self, request: pb.GenerateRequest) -> str:
        return request.text

    def text(self, characters: codecs.IncrementalDecoder, data: bytes) -> str:
        return characters.decode(data)

    def told(self, failure: EngineFailedError) -> str:
        return "The model's engine failed."


class Leaking(Sound):
    """Passes the engine's words on."""

    def told(self, failure: EngineFailedError) -> str:
        return str(failure)


class Splitting(Sound):
    """Takes each token for whole characters."""

    def text(self, characters: codecs.IncrementalDecoder, data: bytes) -> str:
        return data.decode(errors="replace")


class Trimming(Sound):
    """Tidies the prompt."""

    async def prompt(self, request: pb.GenerateRequest) -> str:
        return request.text.strip()


class Mixing(Sound):
    """Keeps what belongs to a call where all calls see it."""

    last = ""

    async def prompt(self, request: pb.GenerateRequest) -> str:
        self.last = request.text
        await asyncio.sleep(0.01)
        return self.last


class Editing(Sound):
    """Writes its defaults into the caller's request."""

    async def prompt(self, request: pb.GenerateRequest) -> str:
        request.sampling.temperature = 0.7
        return request.text


class Unstoppable(Sound):
    """Forgets the stop texts."""

    stops = False


class Hiding(Sound):
    """Ends an answer as if all were well when the engine is lost."""

    async def tokens(self, request: pb.GenerateRequest) -> AsyncGenerator[Token, None]:
        try:
            async with aclosing(super().tokens(request)) as tokens:
                async for token in tokens:
                    yield token
        except EngineLostError:
            yield Token(b"", "stop")


class Hoarding(Sound):
    """Reads the engine as fast as it speaks, whoever listens."""

    ends_with_its_caller = True

    async def tokens(self, request: pb.GenerateRequest) -> AsyncGenerator[Token, None]:
        held: asyncio.Queue[Token | Exception] = asyncio.Queue()

        async def read() -> None:
            try:
                async with aclosing(super(Hoarding, self).tokens(request)) as tokens:
                    async for token in tokens:
                        held.put_nowait(Token(bytes(bytearray(token.data)), token.finish))  # a copy, as a socket makes one
            except (EngineLostError, EngineFailedError) as error:
                held.put_nowait(error)

        reading = asyncio.create_task(read())
        self.readers.add(reading)
        reading.add_done_callback(self.readers.discard)
        try:
            finished = False
            while not finished:
                token = await held.get()
                if isinstance(token, Exception):
                    raise token
                yield token
                finished = token.finish is not None
        finally:
            if self.ends_with_its_caller:
                reading.cancel()

    async def __aenter__(self) -> Self:
        self.readers: set[asyncio.Task[None]] = set()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for reading in self.readers:
            reading.cancel()


class Deaf(Hoarding):
    """Does not end the engine's work when its caller leaves."""

    ends_with_its_caller = False
