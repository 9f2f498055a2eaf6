"""Where calls wait for a place on a backend, a queue a model, and who gets the next one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Hashable, Iterator
from functools import partial
from math import ceil

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.priority import Priority
from thinmesh_core.telemetry import QUEUE_CALLS, QUEUE_TOKENS
from thinmesh_router import measures
from thinmesh_router.backend import FULL_SECONDS
from thinmesh_router.config import QueueConfig
from thinmesh_router.fair_queue import FairQueue, Full
from thinmesh_router.line import Entry
from thinmesh_router.placement import Place, Placement
from thinmesh_router.retry_budget import RetryBudget
from thinmesh_router.routes import RouteTable
from thinmesh_router.ticket import Ticket, Waiting

TIMER_SECONDS = 0.001
"""So much too early may a timer of a busy uvloop go off, which counts whole milliseconds."""


class Queues:
    """Gives every place that falls free to whoever is next for it."""

    def __init__(self, placement: Placement, config: QueueConfig) -> None:
        self.on_wait: Callable[[str], None] = lambda _: None
        """Told the model when a call has to wait for it and none did."""
        self._placement = placement
        self._queues: dict[str, FairQueue[Waiting]] = {}
        self._budgets: dict[str, RetryBudget] = {}
        self._busy: dict[FairQueue[Waiting], str] = {}
        self._configure(placement.table, config)

    def update(self, table: RouteTable, config: QueueConfig) -> None:
        """Puts other routes and bounds in force; whoever waits for a model that is gone is refused, the others wait on."""
        self._placement.table = table
        self._configure(table, config)
        self.dispatch()
        for model in self._queues.keys() - table.routes.keys():
            del self._queues[model], self._budgets[model]
            for priority in Priority:
                QUEUE_CALLS.remove(model, priority.word)
            QUEUE_TOKENS.remove(model)

    def begin(self, model: str, now: float) -> None:
        """A caller's call to the model, of which its retries may be a share."""
        budget = self._budgets.get(model)  # none where the model has gone while its quota was asked for
        if budget is not None:
            budget.call(now)

    def last_call(self, model: str) -> float:
        """When the model was last called, 0 where it never was."""
        return self._budgets[model].at

    def retry(self, model: str, now: float) -> bool:
        """Whether a call to the model may be tried once more."""
        budget = self._budgets.get(model)
        return budget is not None and budget.retry(now)

    async def place(self, ticket: Ticket) -> Place:
        """A place for the ticket's next attempt: at once where there is room and nobody waits, else in its turn.

        OVERLOADED where the queue is full, too long for the deadline or its wait over, NO_BACKEND where there is nothing to
        wait for, CAPABILITY_MISSING where no backend can do it, DEADLINE_EXCEEDED.
        """
        now = time.monotonic()
        wanted = ticket.entry.item.wanted
        queue = self._queues[self._placement.table.resolve(wanted.model).model]
        place = None if queue.calls else self._placement.grant(wanted, now)
        if place is None:
            place = await self._wait(queue, ticket, now)
        elif not ticket.begun:
            queue.pass_by(ticket.entry)
        ticket.begun = True
        return place

    def spare(self, ticket: Ticket) -> Place | None:
        """A second place for a ticket that has one, if the retry budget allows it and it is nobody's turn."""
        wanted = ticket.entry.item.wanted
        queue = self._queues.get(wanted.model)
        if queue is None or queue.calls:
            return None
        now = time.monotonic()
        try:
            place = self._placement.grant(wanted, now)
        except MeshError:  # there is no second backend
            return None
        if place is not None and not self.retry(wanted.model, now):
            self.give_back(place)
            return None
        return place

    def release(self, place: Place) -> None:
        """Frees a place for whoever waits."""
        place.backend.limit.release()
        if self._busy:
            self.dispatch()

    def give_back(self, place: Place) -> None:
        """Frees a place that no call was sent to."""
        place.backend.breaker.abandoned(place.probe)
        self.release(place)

    def look_again(self) -> None:
        """A backend takes no calls for a moment: serves the queues once that is over."""
        asyncio.get_running_loop().call_later(FULL_SECONDS + TIMER_SECONDS, self.dispatch)

    def charge(self, entry: Entry[Waiting], tokens: int) -> None:
        """A call made so many tokens more: its tenant waits so much longer beside others."""
        queue = self._queues.get(entry.item.wanted.model)
        if queue is not None:
            queue.charge(entry, tokens)

    def __getitem__(self, model: str) -> FairQueue[Waiting]:
        """A model's queue."""
        return self._queues[model]

    def items(self) -> Iterator[tuple[str, FairQueue[Waiting]]]:
        """Every model's queue, by model."""
        yield from sorted(self._queues.items())

    def dispatch(self) -> None:
        """Serves the queues, one call each in turn, while backends have room; refuses whoever has nothing left to wait for."""
        served = True
        while served:
            served = False
            for queue, model in tuple(self._busy.items()):
                del self._busy[queue]
                served |= bool(queue.calls) and self._serve(model, queue)
                if queue.calls:
                    self._busy[queue] = model  # behind the others

    def _serve(self, model: str, queue: FairQueue[Waiting]) -> bool:
        """Gives one call its place or its refusal; false where nobody can have one. A call waits for none with other needs."""
        now = time.monotonic()
        denied: set[Hashable] = set()
        for entry in self._candidates(queue, now, denied):
            wanted, granted = entry.item.wanted, entry.item.granted
            if entry.kind in denied:
                continue
            if granted is None or granted.done():  # it left in this very turn
                queue.remove(entry)
                return True
            try:
                place = self._placement.grant(wanted, now)
            except MeshError as error:
                queue.remove(entry)
                granted.set_exception(error)
                return True
            if place is not None:
                queue.take(entry, now)
                granted.set_result(place)
                return True
            denied.add(entry.kind)
        if denied and not self._placement.takes_calls(model):
            queue.stalls()
        return False

    @staticmethod
    def _candidates(queue: FairQueue[Waiting], now: float, denied: Collection[Hashable]) -> Iterator[Entry[Waiting]]:
        yield from queue.heads(now)
        if len(queue.kinds) > len(denied):  # somebody behind needs less
            yield from queue.behind(now, denied)

    async def _wait(self, queue: FairQueue[Waiting], ticket: Ticket, now: float) -> Place:
        entry, config = ticket.entry, self._config
        granted: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        entry.item.granted = granted
        wanted = entry.item.wanted
        entry.kind = (wanted.needs, frozenset(wanted.tried))
        room = self._placement.takes_calls(wanted.model)
        patience = config.wait_seconds if room else self._room_seconds(ticket)
        usual = self._placement.usual(wanted, now)  # one slow answer raises it for a while: it is no reason not to wait at all
        leaves = ticket.deadline - min(usual, (ticket.deadline - now) / 2)  # a later place would be in vain
        entry.deadline = min(now + patience - ticket.waited, leaves)
        try:
            if ticket.begun:
                queue.put_back(entry, now)
            else:
                ticket.estimate = self._join(queue, entry, now, estimated=room)
                if ticket.call.explain:
                    ticket.position = queue.position(entry)
            self._busy.setdefault(queue, wanted.model)
            if queue.calls == 1:
                self.on_wait(ticket.route.model)
            self.dispatch()
            with measures.waiting(ticket.told_tenant):
                async with asyncio.timeout(entry.deadline - now):
                    return await granted
        except BaseException as error:
            if queue.remove(entry):
                self.dispatch()  # whoever stood behind may need less
            elif _was_granted(granted):  # the place came in the same moment as the end of the wait
                self.give_back(granted.result())
            if isinstance(error, TimeoutError):
                raise self._late(ticket, max(entry.deadline - now, 0.0)) from None
            raise
        finally:
            ticket.waited += time.monotonic() - now

    def _room_seconds(self, ticket: Ticket) -> float:
        """How long it may wait while no backend takes calls."""
        scaled = ticket.route.autoscale
        own = None if scaled is None else scaled.waiting_room_seconds
        return self._config.waiting_room_seconds if own is None else own

    def _join(self, queue: FairQueue[Waiting], entry: Entry[Waiting], now: float, *, estimated: bool) -> float:
        """The end of the call's line, and how long the call will wait there, 0 where nobody can tell.

        OVERLOADED where there is no room, or its turn would come too late.
        """
        wait = queue.wait(entry.priority, entry.tenant, entry.weight) if estimated else None
        if wait is not None and wait > entry.deadline - now:
            raise _overloaded(f"about {max(ceil(wait), 1)} s of work are before this call", retry_after=wait)
        try:
            pushed_out = queue.push(entry, now)
        except Full:
            raise _overloaded("the queue is full", retry_after=1 if wait is None else wait) from None
        for victim in pushed_out:
            waiting = victim.item.granted
            if waiting is not None and not waiting.done():
                waiting.set_exception(_overloaded("the queue is full of more urgent calls", retry_after=1))
        return wait or 0.0

    def _late(self, ticket: Ticket, seconds: float) -> MeshError:
        """What the end of a wait says."""
        if ticket.entry.deadline >= ticket.deadline:  # not by the clock: a loop's timers may go off a millisecond early
            return expired()
        wanted = ticket.entry.item.wanted
        if not self._placement.takes_calls(wanted.model):
            return self._placement.refusal(wanted)
        return _overloaded(f"no place within {seconds:.3g} s", retry_after=1)

    def _configure(self, table: RouteTable, config: QueueConfig) -> None:
        self._config = config
        for model in table.routes:
            self._budgets.setdefault(model, RetryBudget())
            queue = self._queues.get(model)
            if queue is None:
                queue = self._queues[model] = FairQueue(max_calls=0, max_tokens=0)
                for priority in Priority:
                    QUEUE_CALLS.labels(model, priority.word).set_function(partial(queue.waiting, priority))  # when scraped
                QUEUE_TOKENS.labels(model).set_function(partial(getattr, queue, "tokens"))
            queue.max_calls, queue.max_tokens = config.max_waiting, config.max_waiting_tokens
            queue.minimum_share = config.minimum_share


def expired() -> MeshError:
    """What is said of a call whose deadline is over before it had a place."""
    return MeshError(Reason.DEADLINE_EXCEEDED, "The call's time was over before a backend was free for it.")


def _was_granted(granted: asyncio.Future[Place]) -> bool:
    return granted.done() and not granted.cancelled() and granted.exception() is None


def _overloaded(why: str, retry_after: float) -> MeshError:
    return MeshError(Reason.OVERLOADED, f"The model is busy: {why}; try again shortly.", retry_after=retry_after)
