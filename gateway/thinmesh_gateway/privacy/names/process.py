"""The process that finds names, as the gateway sees it: started once a policy needs it, and again when it dies."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.privacy.names.frames import LENGTH, Answered, Asked, frame, length
from thinmesh_gateway.privacy.names.judge import repeated
from thinmesh_gateway.privacy.names.pieces import portions
from thinmesh_gateway.privacy.places import Place

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "thinmesh_gateway.privacy.names.tagger")

ANSWER_SECONDS = 2.0
"""What a portion may take, the wait for others' among it."""

LOAD_SECONDS = 120.0
STUCK_SECONDS = 20.0
"""One that owes an answer and gives none for so long is ended."""

PAUSE_SECONDS = 1.0
"""From its end to its next start."""

MOST_WAITING = 64
"""Portions that it may owe answers to; further ones are refused."""


class NamesProcess:
    """Finds names in texts, or says at once that it can't: unmasked they never go on."""

    def __init__(self) -> None:
        self._wanted = asyncio.Event()
        self._ready = False
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[int, asyncio.Future[list[list[Place]]]] = {}
        self._number = 0

    @property
    def trouble(self) -> str | None:
        """What operators should know."""
        wanted = self._wanted.is_set() and not self._ready
        return "names can't be found: their process is not ready; calls of tenants that need it are refused" if wanted else None

    def want(self) -> None:
        """From now on it is needed; it stays until the gateway stops."""
        self._wanted.set()

    async def follow(self) -> None:
        """Keeps it running once it is wanted, until cancelled."""
        await self._wanted.wait()
        while True:
            try:
                code = await self._run()
            except OSError as error:
                log.error("the process that finds names can't be started: %s", error)  # noqa: TRY400  # which the error says whole
            else:
                log.error("the process that finds names ended with %s; it starts again in %.1f s", code, PAUSE_SECONDS)
            await asyncio.sleep(PAUSE_SECONDS)

    async def find(self, texts: Sequence[str]) -> Mapping[str, Sequence[Place]]:
        """The places of names in each folded text; GUARDRAIL_UNAVAILABLE where that can't be known now."""
        places: list[list[Place]] = [[] for _ in texts]
        known: set[str] = set()
        for portion in portions(texts):
            answer = await self._ask([piece.text for piece in portion])
            for piece, found in zip(portion, answer, strict=True):
                places[piece.of] += [(piece.start + start, piece.start + end) for start, end in found]
                known.update(piece.text[start:end] for start, end in found)
        if known:
            again = await asyncio.to_thread(lambda: [*repeated(texts, frozenset(known))])
            places = [_united(*both) for both in zip(places, again, strict=True)]
        return dict(zip(texts, places, strict=True))

    async def _ask(self, texts: list[str]) -> list[list[Place]]:
        if not self._ready or self._process is None or self._process.stdin is None:
            raise _unavailable("is not ready")
        if len(self._waiting) >= MOST_WAITING:
            raise _unavailable("has too much to do")
        self._number += 1
        answer: asyncio.Future[list[list[Place]]] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = answer
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self._process.stdin.write(frame(Asked(self._number, texts)))
                found = await answer
        except TimeoutError:
            raise _unavailable("is too slow") from None
        return found

    async def _run(self) -> int:
        """One life of it."""
        # Its own session: Ctrl-C is for the gateway, and its input's end is what ends it.
        process = await asyncio.create_subprocess_exec(
            *COMMAND, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        try:
            await self._hear(process.stdout)
        except TimeoutError:
            log.error("the process that finds names gave no answer in time")  # noqa: TRY400  # where it waited says nothing
        except (ValueError, msgspec.MsgspecError):
            log.error("the process that finds names said what nobody understands")  # noqa: TRY400  # it may hold texts
        except asyncio.IncompleteReadError:
            pass  # it died, which its code says
        finally:
            self._ready = False
            self._process = None
            self._lose()
            with suppress(ProcessLookupError):
                process.kill()  # it has nothing to keep
            process.stdin.close()
            await process.communicate()  # to the end of its output, which closes that too
        assert process.returncode is not None
        return process.returncode

    async def _hear(self, output: asyncio.StreamReader) -> None:
        """Takes its answers until it dies."""
        decoder = msgspec.msgpack.Decoder(Answered)
        while True:
            head = await self._head(output)
            async with asyncio.timeout(STUCK_SECONDS):
                answered = decoder.decode(await output.readexactly(length(head)))
            if answered.number == 0:
                self._ready = True
                log.info("the process that finds names is ready")
            elif (answer := self._waiting.pop(answered.number, None)) is not None and not answer.done():
                answer.set_result(answered.places)

    async def _head(self, output: asyncio.StreamReader) -> bytes:
        """An answer's beginning; TimeoutError where one was owed for too long."""
        while True:
            oldest = next(iter(self._waiting), None)
            try:
                async with asyncio.timeout(STUCK_SECONDS if self._ready else LOAD_SECONDS):
                    return await output.readexactly(LENGTH.size)
            except TimeoutError:
                if not self._ready or oldest in self._waiting:
                    raise

    def _lose(self) -> None:
        """Nobody waits for a dead process."""
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(_unavailable("died"))


def _united(found: list[Place], again: list[Place]) -> list[Place]:
    """Both, in order; a name that was found counts before one that is there once more."""
    starts = {start for start, _ in found}
    return sorted(found + [one for one in again if one[0] not in starts])


def _unavailable(why: str) -> MeshError:
    message = f"Your tenant's privacy policy needs persons' names found, and what finds them {why}; try again shortly."
    return MeshError(Reason.GUARDRAIL_UNAVAILABLE, message, retry_after=1)
