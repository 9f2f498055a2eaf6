"""The part of a shared quota that this process holds and grants from by itself. Pure; `lease.lua` is the other side.

A count is asked for in lots, so that most calls ask nobody. What is held and not used goes back soon.
"""

from __future__ import annotations

from abc import abstractmethod
from math import inf
from typing import Literal

import msgspec

from thinmesh_router.quota.meters import MINUTE, Meter, Moment

SHORT_SECONDS = 1.0
LONG_SECONDS = 10.0
"""How long a lot is held unused near its limit, and while less than half of it is used: as `lease.lua` has it."""

Kind = Literal["minute", "day", "month", "calls"]


class Ask(msgspec.Struct, frozen=True):
    """What the store is asked and told of one quota. `needs` is what each waiting call is short of: all of it or nothing."""

    kind: Kind
    limit: int
    needs: list[int]
    want: int
    back: list[tuple[int, int]] = []
    debt: int = 0
    window: int = 0
    used: int = 0
    held: int = 0


class Answer(msgspec.Struct, frozen=True):
    """A lot: its amount, the stamp it is booked under, how long it may be used; and how the quota is beside that.

    `short`: the store has not what some call needs.
    """

    given: int
    short: bool
    stamp: int
    seconds: float
    used: int
    wait: float
    empty: float


UNKNOWN = 0
"""The day or month before the store has named it; calls at once have no other."""

UNTOLD = (-1, -1)


class Said(msgspec.Struct, frozen=True):
    """The store's answer. `known`: it has not forgotten what this process told it."""

    known: bool
    quotas: list[Answer]


NOTHING = Answer(given=0, short=False, stamp=0, seconds=0, used=0, wait=0, empty=0)


class Leased(Meter):
    """A quota of which this process holds lots. `alone` grants while the store can't be reached, if anything does.

    With `replicas`, that is one router's part of the limit.
    """

    def __init__(self, kind: Kind, limit: int, alone: Meter | None, active: set[Leased], replicas: int | None = None) -> None:
        self.kind: Kind = kind
        self.alone = alone
        self._replicas = replicas
        self.limit = limit
        self.cut_off = False
        """Whether the store can't be reached."""
        self._active = active
        self._needs: list[int] = []
        self._recent = 0
        self._curious = False
        self._answer = NOTHING
        self._answered = -inf

    @property
    def limit(self) -> int:
        """Of all routers together."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._limit = limit
        if self.alone is not None and self._replicas is not None:
            self.alone.limit = limit // self._replicas

    def cut(self, replicas: int, at: Moment) -> None:
        """The store can't be reached from now on, neither by this router nor, it is to be feared, by its others."""
        self.cut_off = True
        self._needs.clear()  # who waited is decided without it

    def forgotten(self) -> None:
        """The store has not what it was told: it was emptied, or is another one now."""

    def need(self, amount: int) -> None:
        """A call waits for so much."""
        self._needs.append(amount)
        self._active.add(self)

    def look(self) -> None:
        """Somebody wants to know how the quota is."""
        self._curious = True
        self._active.add(self)

    def take(self, amount: int, at: Moment) -> int | None:
        """Of a lot that is held; stamps below zero are those of `alone`."""
        stamp = self._take(amount, at)
        self._active.add(self)
        if stamp is not None:
            self._recent += amount
        elif self.cut_off and self.alone is not None:
            alone = self.alone.take(amount, at)
            if alone is not None:
                stamp = -1 - alone
                self._owe(amount, int(at.mono))
        return stamp

    def give(self, amount: int, stamp: int) -> None:
        """Back to its lot, or to the store."""
        self._active.add(self)
        if stamp >= 0:
            self._give(amount, stamp)
        elif self.alone is not None:
            self.alone.give(amount, -1 - stamp)
            self._owe(-amount, -1 - stamp)

    def book(self, amount: int, at: Moment) -> int:
        """Told to the store with the next words."""
        self._active.add(self)
        self._owe(amount, int(at.mono))
        return 0

    def used(self, at: Moment) -> int:
        """As the store said last, less what is held unused here."""
        return max(self._answer.used - self.spare(at), 0)

    def wait(self, amount: int, at: Moment) -> float:
        """As the store said last."""
        if amount > self.limit:
            return inf
        return max(self._answer.wait - (at.mono - self._answered), 0.05)

    def empty_in(self, at: Moment) -> float:
        """As the store said last."""
        return max(self._answer.empty - (at.mono - self._answered), 0.0)

    def answered(self, answer: Answer, sent: float) -> None:
        """The store gave a lot; `sent` is when it was asked, in monotonic seconds."""
        self._answer, self._answered = answer, sent
        self._add(answer, sent)

    def unanswered(self) -> None:
        """The store did not answer: whoever waits has to do without."""

    @property
    def waited_for(self) -> bool:
        """Whether calls wait for it."""
        return bool(self._needs)

    @property
    def dry(self) -> bool:
        """Whether the store had not what calls needed when it answered last, or can't be asked."""
        return self.cut_off or self._answer.short

    def _asked(self) -> tuple[list[int], int]:
        """What calls wait for, and what is wanted beside it; whoever comes later asks anew."""
        needs, self._needs = self._needs, []
        self._curious = False
        return needs, 2 * self._recent if needs else 0

    @property
    def _scarce(self) -> bool:
        return self._answer.used * 2 >= self.limit

    @abstractmethod
    def speaks(self, at: Moment) -> bool:
        """Whether there is anything to ask or tell now."""

    @abstractmethod
    def ask(self, at: Moment) -> Ask:
        """What to ask and tell now."""

    @abstractmethod
    def spare(self, at: Moment) -> int:
        """What is held unused."""

    @abstractmethod
    def fits(self, amount: int, at: Moment) -> bool:
        """Whether so much can be granted without asking."""

    @abstractmethod
    def _take(self, amount: int, at: Moment) -> int | None: ...

    @abstractmethod
    def _give(self, amount: int, stamp: int) -> None: ...

    @abstractmethod
    def _owe(self, amount: int, second: int) -> None: ...

    @abstractmethod
    def _add(self, answer: Answer, sent: float) -> None: ...


class _Lot:
    __slots__ = ("left", "stamp", "until")

    def __init__(self, stamp: int, left: int, until: float) -> None:
        self.stamp = stamp
        self.left = left
        self.until = until


class LeasedMinute(Leased):
    """A sliding minute: lots by the second that they are booked in."""

    def __init__(self, limit: int, alone: Meter | None, active: set[Leased], replicas: int | None = None) -> None:
        super().__init__("minute", limit, alone, active, replicas)
        self._lots: list[_Lot] = []
        self._back: dict[int, int] = {}
        self._debts: dict[int, int] = {}
        """What was granted without asking and not told yet, by the second: what is a minute old is nobody's business."""
        self._told: dict[int, int] = {}

    def speaks(self, at: Moment) -> bool:
        """While calls wait, or something is to be given back or booked."""
        self._expire(at)
        speaks = bool(self._curious or self._needs or self._back or self._debts)
        if not (self._lots or speaks):
            self._active.discard(self)
        return speaks

    def cut(self, replicas: int, at: Moment) -> None:
        """What all had used when the store was last heard counts in every router's share of the limit."""
        super().cut(replicas, at)
        if self.alone is not None and at.mono - self._answered < MINUTE:
            self.alone.book(max(self._answer.used // replicas - self.alone.used(at), 0), at)

    def ask(self, at: Moment) -> Ask:
        """Wants twice as much beside the need as was used since the last lot: lots grow until calls seldom ask."""
        back, self._back = list(self._back.items()), {}
        self._told = self._debts.copy()
        needs, want = self._asked()
        if needs:
            self._recent = 0
        return Ask(self.kind, self.limit, needs, want, back, sum(self._told.values()))

    def spare(self, at: Moment) -> int:
        """In lots that may still be used."""
        return sum(lot.left for lot in self._lots if at.mono < lot.until)

    def fits(self, amount: int, at: Moment) -> bool:
        """Of one lot: its stamp is the call's."""
        return any(lot.left >= amount and at.mono < lot.until for lot in self._lots)

    def _take(self, amount: int, at: Moment) -> int | None:
        for lot in self._lots:
            if lot.left >= amount and at.mono < lot.until:
                lot.left -= amount
                return lot.stamp
        return None

    def _give(self, amount: int, stamp: int) -> None:
        for lot in self._lots:
            if lot.stamp == stamp:
                lot.left += amount
                return
        self._back[stamp] = self._back.get(stamp, 0) + amount

    def _owe(self, amount: int, second: int) -> None:
        """Never less than nothing: what is given back of a debt that was told stays booked."""
        self._debts[second] = max(self._debts.get(second, 0) + amount, 0)

    def _add(self, answer: Answer, sent: float) -> None:
        for second, amount in self._told.items():
            self._owe(-amount, second)
        if answer.given:
            self._active.add(self)
            self._lots.append(_Lot(answer.stamp, answer.given, sent + answer.seconds))

    def _expire(self, at: Moment) -> None:
        for lot in self._lots:
            if at.mono >= lot.until and lot.left:
                self._back[lot.stamp] = self._back.get(lot.stamp, 0) + lot.left
        self._lots = [lot for lot in self._lots if at.mono < lot.until]
        oldest = int(at.mono) - MINUTE
        self._debts = {second: amount for second, amount in self._debts.items() if amount and second >= oldest}


class LeasedTotal(Leased):
    """A calendar window's total, or the calls that run: what this process has used and holds of it, in all.

    What it holds is its own for `seconds` after the store has heard of it; then others may have it. It is not used while the
    store can't be told of that, which would not know then how much of it is left.
    """

    def __init__(
        self, kind: Kind, limit: int, alone: Meter | None, active: set[Leased], seconds: float, replicas: int | None = None
    ) -> None:
        super().__init__(kind, limit, alone, active, replicas)
        self._seconds = seconds
        self._window = UNKNOWN
        self._until = self._lapses = 0.0
        self._used = self._held = 0
        self._told = (0, 0)
        self._trimmed = 0.0

    def speaks(self, at: Moment) -> bool:
        """While calls wait or run, something is held, or the store does not know what was used."""
        if at.mono >= self._lapses:
            self._held = 0
        if not self._needs and at.mono - self._trimmed >= (SHORT_SECONDS if self._scarce else LONG_SECONDS):
            self._held = min(self._held, self._recent)  # lets go of what was not needed lately
            self._recent, self._trimmed = 0, at.mono
        running = self.kind == "calls" and self._used > 0
        speaks = bool(self._curious or self._needs or self._held or running or (self._used, self._held) != self._told)
        if not speaks:
            self._active.discard(self)
        return speaks

    def ask(self, at: Moment) -> Ask:
        """Wants twice as much beside the need as was used lately."""
        needs, want = self._asked()
        self._told = (self._used, self._held)
        return Ask(self.kind, self.limit, needs, want, [], 0, self._window, max(self._used, 0), self._held)

    def spare(self, at: Moment) -> int:
        """While its window and the lease last."""
        return 0 if self.cut_off or at.mono >= min(self._until, self._lapses) else self._held

    def unanswered(self) -> None:
        """Tells all again: saying it twice changes nothing."""
        super().unanswered()
        self._told = UNTOLD

    def forgotten(self) -> None:
        """Tells all again."""
        self._told = UNTOLD
        self._active.add(self)

    def fits(self, amount: int, at: Moment) -> bool:
        """Within the window and the lease."""
        return self.spare(at) >= amount

    def _take(self, amount: int, at: Moment) -> int | None:
        if not self.fits(amount, at):
            return None
        self._held -= amount
        self._used += amount
        return self._window

    def _give(self, amount: int, stamp: int) -> None:
        if stamp == self._window:
            self._used -= amount
            self._held += amount

    def _owe(self, amount: int, second: int) -> None:
        self._used += amount

    def _add(self, answer: Answer, sent: float) -> None:
        if answer.stamp != self._window:
            granted_alone = self._used if self._window == UNKNOWN else 0
            self._window, self._used, self._held = answer.stamp, granted_alone, 0
            self._told = UNTOLD
        self._until, self._lapses = sent + answer.seconds, sent + self._seconds
        self._held += answer.given
