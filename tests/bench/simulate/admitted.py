"""One call on its way through the simulated router: its waits, its tries, and what their ends tell the backend."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from bench.simulate.call import Call, Outcome
from bench.simulate.engine import Run
from thinmesh_router.backend import FULL_SECONDS
from thinmesh_router.fair_queue import Full
from thinmesh_router.latency import usual
from thinmesh_router.line import Entry

if TYPE_CHECKING:
    from bench.simulate.router import Backend, Router


class Admitted:
    """One call on its way through a router."""

    def __init__(self, router: Router, entry: Entry[Call]) -> None:
        self._router = router
        self._clock = router.clock
        self._entry = entry
        self._call = entry.item
        self._backend: Backend
        self._probe = 0

    def place(self) -> None:
        """At once where there is room and nobody waits, else in its turn."""
        router, entry, now = self._router, self._entry, self._clock.now
        backend = None if router.queue.calls else router.grant(self._call, now)
        if backend is None:
            self._wait()
            return
        if self._call.tries == 0:
            router.queue.pass_by(entry)
        self.go(backend)

    def go(self, backend: Backend) -> None:
        """Onto its place."""
        router, call, now = self._router, self._call, self._clock.now
        self._backend = backend
        self._probe = backend.breaker.begin(now)
        call.tries += 1
        call.began, call.backend = now, backend.engine.name
        router.charged(call, call.input)
        router.upstream += 1
        run = Run(call, backend.engine)
        run.first, run.made, run.succeeded, run.failed, run.full = (
            self._first, self._made, self._succeeded, self._failed, self._full
        )  # fmt: skip
        if call.timeout < inf:
            self._clock.at(call.deadline, lambda: self._expire(run))
        backend.engine.start(run)

    def _wait(self) -> None:
        router, entry, call, now = self._router, self._entry, self._call, self._clock.now
        entry.deadline = min(
            now + router.config.wait_seconds, call.deadline - usual([one.latency for one in router.able(call)], now)
        )
        if call.tries:
            router.queue.put_back(entry, now)
        else:
            served = router.queue.wait(entry.priority, entry.tenant, entry.weight)
            wait = call.expected = served if router.backends else None
            if wait is not None and wait > entry.deadline - now:
                call.end(Outcome.REFUSED, now)
                return
            try:
                pushed_out = router.queue.push(entry, now)
            except Full:
                call.end(Outcome.REFUSED, now)
                return
            for victim in pushed_out:
                victim.item.end(Outcome.REFUSED, now)
            router.longest = max(router.longest, router.queue.calls)
        self._clock.at(entry.deadline, self._give_up)
        router.dispatch()

    def _give_up(self) -> None:
        if self._clock.now >= self._entry.deadline and self._router.queue.remove(self._entry):
            self._call.end(Outcome.EXPIRED, self._clock.now)
            self._router.dispatch()

    def _expire(self, run: Run) -> None:
        if run.left or self._call.outcome is not None:
            return
        run.engine.leave(run)
        self._backend.breaker.abandoned(self._probe)
        self._call.end(Outcome.EXPIRED, self._clock.now)
        self._release()

    def _first(self, run: Run) -> None:
        now = self._clock.now
        self._call.first = now
        self._backend.latency.observe(now - (self._call.began or 0.0), now)

    def _made(self, run: Run, tokens: int) -> None:
        self._call.made += tokens
        self._router.queue.charge(self._entry, tokens)
        self._router.charged(self._call, tokens)

    def _succeeded(self, run: Run) -> None:
        run.left = True
        now, call = self._clock.now, self._call
        self._made(run, call.output - call.made)
        self._backend.breaker.succeeded(now, call.began or 0.0)
        self._backend.limit.succeeded()
        call.end(Outcome.ANSWERED, now)
        self._release()

    def _failed(self, run: Run) -> None:
        run.left = True
        now, call = self._clock.now, self._call
        self._backend.breaker.failed(now, self._probe)
        self._release()
        call.tried.add(self._backend.engine.name)
        if now < call.deadline and self._router.budget.retry(now) and self._router.able(call):
            self.place()
        else:
            call.end(Outcome.FAILED, now)

    def _full(self, run: Run) -> None:
        run.left = True
        now = self._clock.now
        self._backend.breaker.abandoned(self._probe)
        self._backend.limit.overloaded(now)
        self._backend.full_until = now + FULL_SECONDS
        self._clock.after(FULL_SECONDS, self._router.dispatch)
        self._release()
        self.place()

    def _release(self) -> None:
        self._backend.limit.release()
        self._router.dispatch()
