"""What one call has reserved: taken at its admission, more as its stream goes on, the rest given back at its end.

Exact for streams, and for whole answers that bound their output: never more is granted than the limits say. A whole answer
that makes more than it reserved is booked all the same, and later calls wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isinf

from thinmesh_core.call import Metadata
from thinmesh_core.cost import Cost
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.telemetry import QUOTA_REFUSALS
from thinmesh_router.quota.counts import Refill
from thinmesh_router.quota.meters import Meter, Moment
from thinmesh_router.quota.plan import Measure, Metered, Plan

SLICE = 64
"""Output tokens that a stream reserves at a time."""

REFILLS = 8
"""How often what a call is short of is fetched, while there is some: what it had of one quota others may take meanwhile."""

Clock = Callable[[], Moment]


class Reservation:
    """One call's holds on all of its quotas."""

    __slots__ = ("_clock", "_holds", "_plan", "_refill", "_settled", "_spent", "covered", "input", "note")

    def __init__(self, plan: Plan, cost: Cost, clock: Clock, refill: Refill | None) -> None:
        self._plan = plan
        self._clock = clock
        self._refill = refill
        self._holds: list[tuple[Meter, int, int]] = []
        self._spent = 0
        self._settled = False
        self.input = cost.input
        self.covered = 0
        self.note = ""

    async def open(self, output: int) -> None:
        """Takes the call, its input and so much output; MeshError that names the quota which is used up."""
        for subject, limit in self._plan.inputs:
            if self.input > limit:
                QUOTA_REFUSALS.labels(subject.tenant, subject.measure.metric).inc()
                raise MeshError(
                    Reason.REQUEST_TOO_LARGE,
                    f"The input has about {self.input} tokens; {subject} is {limit}.",
                    quota=str(subject),
                )
        refused = await self._take(1, self.input + output, self._plan.cost(self.input, output))
        if refused is not None:
            QUOTA_REFUSALS.labels(refused.subject.tenant, refused.subject.measure.metric).inc()
            raise self._refusal(refused, self.input + output)
        self.covered = output

    def spend(self, output: int) -> bool:
        """A stream has made so many tokens in all; false where they are more than it has reserved."""
        self._spent = output
        return output <= self.covered

    async def extend(self) -> bool:
        """Takes another slice, a small one near a limit; false, and `note` says why, where the quotas have none."""
        short = max(self._spent - self.covered, 1)
        more = max(SLICE, short)
        try:
            refused = await self._take(0, more, self._plan.cost(0, more))
            while refused is not None and more > short:
                more = max(more // 2, short)
                refused = await self._take(0, more, self._plan.cost(0, more))
        except MeshError as unknown:  # nobody can tell what is left: no reason to lose what was made so far
            self.note = f"ended early: {unknown.message}"
            return False
        if refused is None:
            self.covered += more
            return True
        self.note = f"ended early: the {refused.subject} are used up"
        return False

    def settle(self, input_tokens: int | None, output_tokens: int | None) -> None:
        """The call is over: what it did not use is given back, what it used beyond is booked. A second time does nothing."""
        if self._settled:
            return
        self._settled = True
        at = self._clock()
        used_in = self.input if input_tokens is None else input_tokens
        used_out = self._spent if output_tokens is None else output_tokens
        for metered in self._plan.tokens:
            self._even(metered.meter, used_in + used_out, at)
        for metered in self._plan.spend:
            self._even(metered.meter, self._plan.cost(used_in, used_out), at)
        for metered in self._plan.concurrent:
            self._even(metered.meter, 0, at)

    @property
    def headers(self) -> Metadata:
        """What is left of the tightest limits of calls and of tokens a minute, as OpenAI's headers say it."""
        at = self._clock()
        return (*_told("requests", self._plan.requests, at), *_told("tokens", self._plan.tokens, at))

    async def _take(self, calls: int, tokens: int, spend: int) -> Metered | None:
        """All or nothing; gives what refused."""
        refused = self._try(calls, tokens, spend)
        if refused is None or self._refill is None:
            return refused
        for _ in range(REFILLS):
            if not await self._refill(self._plan, calls, tokens, spend):
                break
            refused = self._try(calls, tokens, spend)
            if refused is None or refused.meter.dry:
                break
        return refused

    def _try(self, calls: int, tokens: int, spend: int) -> Metered | None:
        at = self._clock()
        begun = len(self._holds)
        plan = self._plan
        for amount, several in ((calls, plan.requests), (calls, plan.concurrent), (tokens, plan.tokens), (spend, plan.spend)):
            if not amount and not calls:
                continue
            for metered in several:
                stamp = metered.meter.take(amount, at)
                if stamp is None:
                    for meter, held, when in self._holds[begun:]:
                        meter.give(held, when)
                    del self._holds[begun:]
                    return metered
                self._holds.append((metered.meter, amount, stamp))
        return None

    def _even(self, meter: Meter, used: int, at: Moment) -> None:
        """Makes what is held of a meter what was used, the newest given back first."""
        held = [(amount, stamp) for one, amount, stamp in self._holds if one is meter]
        over = sum(amount for amount, _ in held) - used
        for amount, stamp in reversed(held):
            if over <= 0:
                break
            back = min(amount, over)
            meter.give(back, stamp)
            over -= back
        if over < 0 and used:
            meter.book(-over, at)

    def _refusal(self, refused: Metered, tokens: int) -> MeshError:
        subject, meter = refused
        amount = self._plan.cost(self.input, tokens - self.input) if subject.measure is Measure.SPEND else (
            tokens if subject.measure in {Measure.TOKENS, Measure.DAY} else 1
        )  # fmt: skip
        wait = meter.wait(amount, self._clock())
        reason = Reason.SPEND_EXCEEDED if subject.measure is Measure.SPEND else Reason.QUOTA_EXCEEDED
        if isinf(wait):
            text = f"The call needs {amount}, and the limit of {subject} is {meter.limit}: make it smaller, or ask for more."
            if subject.measure in {Measure.TOKENS, Measure.DAY}:  # to try again is of no use
                reason = Reason.REQUEST_TOO_LARGE
            return MeshError(reason, text, quota=str(subject), headers=self.headers)
        again = f"try again in {wait:.0f} s" if wait >= 1 else "try again in a moment"
        text = f"The limit of {subject}, {meter.limit}, is used up; {again}."
        return MeshError(reason, text, retry_after=max(wait, 0.05), quota=str(subject), headers=self.headers)


class Unlimited(Reservation):
    """The reservation of every call that no quota is set for."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(Plan((), (), (), (), (), (0, 0)), Cost(0, 0), lambda: Moment(0, 0), None)

    async def open(self, output: int) -> None:
        """Nothing to take."""

    def spend(self, output: int) -> bool:
        """Always covered."""
        return True

    def settle(self, input_tokens: int | None, output_tokens: int | None) -> None:
        """Nothing to give back."""

    @property
    def headers(self) -> Metadata:
        """Nothing to tell."""
        return ()


def _told(what: str, several: tuple[Metered, ...], at: Moment) -> Metadata:
    minutes = [meter for subject, meter in several if subject.measure in {Measure.REQUESTS, Measure.TOKENS}]
    if not minutes:
        return ()
    tightest = min(minutes, key=lambda meter: meter.limit - meter.used(at))
    return (
        (f"x-ratelimit-limit-{what}", str(tightest.limit)),
        (f"x-ratelimit-remaining-{what}", str(max(tightest.limit - tightest.used(at), 0))),
        (f"x-ratelimit-reset-{what}", _duration(tightest.empty_in(at))),
    )


def _duration(seconds: float) -> str:
    """As OpenAI writes it: 120ms, 1s, 6m0s."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
