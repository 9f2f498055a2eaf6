"""Who is served next: strict between classes, fair between a class's tenants by tokens, bounded. Pure.

Room for a newcomer is made by pushing out: the buffer stealing of McKenney, "Stochastic Fairness Queueing", 1990. A flood by
one tenant fills the queue with its own calls and is then its own victim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Hashable, Iterator
from math import inf
from typing import Generic, TypeVar

from thinmesh_core.priority import Priority
from thinmesh_router.line import Entry, Line, LineView
from thinmesh_router.service_rate import ServiceRate
from thinmesh_router.virtual_counters import VirtualCounters

T = TypeVar("T")


class Full(Exception):  # noqa: N818  # a state of the queue, which its caller words
    """No room, and nobody who should make some."""


class _Class(Generic[T]):
    """One class: a line a tenant that waits, what each was served, and what the class is owed while others go first."""

    __slots__ = ("calls", "counters", "credit", "lines", "tokens")

    def __init__(self) -> None:
        self.lines: dict[str, Line[T]] = {}
        self.counters = VirtualCounters()
        self.calls = 0
        self.tokens = 0
        self.credit = 0.0

    def heads(self, now: float) -> list[Entry[T]]:
        """The oldest of each line, the least served tenant's first, of equals whoever came first."""
        found = [head for line in self.lines.values() if (head := line.first(now)) is not None]
        if len(found) > 1:
            found.sort(key=lambda entry: (self.counters.of(entry.tenant), entry.arrived))
        return found


class FairQueue(Generic[T]):
    """The calls that wait for one model.

    Every class below the first keeps `minimum_share` of the tokens that are served while it waits, and of the room to wait in,
    so that none starves.
    """

    def __init__(self, *, max_calls: int, max_tokens: int, minimum_share: float = 0.05) -> None:
        self.max_calls = max_calls
        self.max_tokens = max_tokens
        self.minimum_share = minimum_share
        self.calls = 0
        self.tokens = 0
        self.kinds: Counter[Hashable] = Counter()
        """How many calls of each kind wait."""
        self.rate = ServiceRate()
        self._classes: dict[Priority, _Class[T]] = {priority: _Class() for priority in Priority}

    def push(self, entry: Entry[T], now: float) -> list[Entry[T]]:
        """Puts a call at the end of its line; gives those pushed out for it. `Full` where it has to go itself."""
        pushed_out = self._make_room(entry)
        of = self._classes[entry.priority]
        if entry.tenant not in of.lines:
            of.counters.lift(entry.tenant, of.lines)
        self._add(entry)
        self._waits(entry, now)
        return pushed_out

    def heads(self, now: float) -> Iterator[Entry[T]]:
        """Whom to serve, in order: the first call of each line. Take the first of them that can be served."""
        owed = [of for of in self._classes.values() if of.credit > 0 and of.lines]
        early: list[Entry[T]] = []
        for of in reversed(owed):
            heads = of.heads(now)
            if heads and of.credit >= heads[0].tokens:
                early.append(heads[0])
                yield heads[0]
        for of in self._classes.values():
            if of.lines:
                for head in of.heads(now):
                    if head not in early:
                        yield head

    def behind(self, now: float, denied: Container[Hashable]) -> Iterator[Entry[T]]:
        """Whom to serve where no head can be: in the same order, the calls behind them of kinds that are not denied."""
        for of in self._classes.values():
            for head in of.heads(now) if of.lines else ():
                for entry in of.lines[head.tenant].entries:
                    if entry.kind not in denied and entry.deadline > now:
                        yield entry

    def take(self, entry: Entry[T], now: float) -> None:
        """The call is served."""
        self._earn(entry)
        line = self._classes[entry.priority].lines[entry.tenant]
        line.rate.served(entry.tokens, now)
        self._drop(entry)
        self.rate.served(entry.tokens, now)
        line.rate.waits(now)  # where it had stalled
        if self.calls:
            self.rate.waits(now)
        else:
            self.rate.rests()
        self._served(entry)

    def pass_by(self, entry: Entry[T]) -> None:
        """The call is served without having waited."""
        of = self._classes[entry.priority]
        of.counters.lift(entry.tenant, of.lines)
        self._served(entry)

    def put_back(self, entry: Entry[T], now: float) -> None:
        """A call that was served could not be: it is the first of its line again, whatever the bounds say."""
        self._classes[entry.priority].counters.charge(entry.tenant, entry.weight, -_charged(entry))
        self._add(entry)
        self._classes[entry.priority].lines[entry.tenant].entries.move_to_end(entry, last=False)
        self._waits(entry, now)

    def remove(self, entry: Entry[T]) -> bool:
        """The call waits no more; false if it did not."""
        line = self._classes[entry.priority].lines.get(entry.tenant)
        if line is None or entry not in line.entries:
            return False
        self._drop(entry)
        if not self.calls:
            self.rate.rests()
        return True

    def stalls(self) -> None:
        """Nobody serves for now: that says nothing of how fast the engines are."""
        self.rate.rests()
        for of in self._classes.values():
            for line in of.lines.values():
                line.rate.rests()

    def charge(self, entry: Entry[T], tokens: int) -> None:
        """A call that was served made so many tokens more."""
        self._classes[entry.priority].counters.charge(entry.tenant, entry.weight, tokens)

    def wait(self, priority: Priority, tenant: str, weight: float) -> float | None:
        """How long a call that comes now would wait, in seconds; None while nobody can tell.

        Those who are before it now, or its own line at the rate at which that moves: others will come and go first.
        """
        rate = self.rate.tokens_per_second
        if rate is None:
            return None
        of = self._classes[priority]
        own = of.lines.get(tenant)
        mine = 0 if own is None else own.tokens
        level = mine / weight  # fair sharing serves each line up to here before the newcomer
        beside = sum(min(line.tokens, level * line.weight) for name, line in of.lines.items() if name != tenant)
        above = sum(other.tokens for one, other in self._classes.items() if one < priority)
        ahead = above + mine + beside
        if above and self.minimum_share > 0:
            ahead = min(ahead, (mine + beside + 1) / self.minimum_share)
        own_rate = None if own is None else own.rate.tokens_per_second
        return ahead / rate if own_rate is None else max(ahead / rate, mine / own_rate)

    def longest(self, now: float) -> float:
        """How long calls wait, in seconds: the one that has waited the longest, or one that comes now, if that is longer."""
        if not self.calls:
            return 0.0
        first = min(next(iter(line.entries)).arrived for of in self._classes.values() for line in of.lines.values())
        rate = self.rate.tokens_per_second
        return max(now - first, 0.0 if rate is None else self.tokens / rate)

    def position(self, entry: Entry[T]) -> int:
        """How many are served before a waiting call, if nobody else comes; 0 is next."""
        own = self._classes[entry.priority].lines[entry.tenant]
        index = list(own.entries).index(entry)
        lines = self._classes[entry.priority].lines
        beside = sum(min(len(line.entries), index) for name, line in lines.items() if name != entry.tenant)
        above = sum(
            len(line.entries) for one, of in self._classes.items() if one < entry.priority for line in of.lines.values()
        )
        return above + index + beside

    def lines(self, now: float) -> list[LineView]:
        """Every line, the first class's first, then by tenant."""
        return [
            LineView(
                priority,
                tenant,
                len(line.entries),
                line.tokens,
                now - next(iter(line.entries)).arrived,
                self.wait(priority, tenant, line.weight),
            )
            for priority, of in self._classes.items()
            for tenant, line in sorted(of.lines.items())
        ]

    def waiting(self, priority: Priority) -> int:
        """How many of a class wait."""
        return self._classes[priority].calls

    def __len__(self) -> int:
        return self.calls

    def entries(self) -> Iterator[Entry[T]]:
        """All that wait."""
        for of in self._classes.values():
            for line in of.lines.values():
                yield from line.entries

    def _add(self, entry: Entry[T]) -> None:
        of = self._classes[entry.priority]
        line = of.lines.setdefault(entry.tenant, Line())
        line.entries[entry] = None
        line.weight = entry.weight
        line.tokens += entry.tokens
        of.calls += 1
        of.tokens += entry.tokens
        self.kinds[entry.kind] += 1
        self.tokens += entry.tokens
        self.calls += 1

    def _drop(self, entry: Entry[T]) -> None:
        of = self._classes[entry.priority]
        line = of.lines[entry.tenant]
        del line.entries[entry]
        line.tokens -= entry.tokens
        of.calls -= 1
        of.tokens -= entry.tokens
        self.kinds[entry.kind] -= 1
        if not self.kinds[entry.kind]:
            del self.kinds[entry.kind]
        self.tokens -= entry.tokens
        self.calls -= 1
        if not line.entries:
            del of.lines[entry.tenant]
            if not of.lines:
                of.credit = 0.0

    def _waits(self, entry: Entry[T], now: float) -> None:
        self.rate.waits(now)
        self._classes[entry.priority].lines[entry.tenant].rate.waits(now)

    def _served(self, entry: Entry[T]) -> None:
        counters = self._classes[entry.priority].counters
        counters.served(entry.tenant)
        counters.charge(entry.tenant, entry.weight, _charged(entry))

    def _earn(self, served: Entry[T]) -> None:
        """Who waits below what is served is owed its share of it; who is served before those above has had it."""
        share = self.minimum_share
        for priority, of in self._classes.items():
            if not of.lines:
                continue
            if priority > served.priority and share > 0:
                most = max(2.0 * self._largest(of), 1.0)
                of.credit = min(of.credit + served.tokens * share / (1 - share), most)
            elif priority == served.priority and of.credit > 0:
                of.credit = max(of.credit - served.tokens, 0.0)

    @staticmethod
    def _largest(of: _Class[T]) -> int:
        return max(next(iter(line.entries)).tokens for line in of.lines.values())

    def _make_room(self, entry: Entry[T]) -> list[Entry[T]]:
        pushed_out: list[Entry[T]] = []
        if not self.max_calls:
            raise Full
        owed = [of.credit for of in self._classes.values()]
        while self.calls and not self._fits(entry):
            victim = self._victim(entry)
            if victim is None:
                for one in reversed(pushed_out):
                    self._add(one)  # each was the newest of its line
                for of, credit in zip(self._classes.values(), owed, strict=True):
                    of.credit = credit
                raise Full
            self._drop(victim)
            pushed_out.append(victim)
        return pushed_out

    def _fits(self, entry: Entry[T]) -> bool:
        """Whether there is room that no class below keeps for itself."""
        calls, tokens = self.calls + 1, self.tokens + entry.tokens
        for priority, of in self._classes.items():
            if priority > entry.priority:
                calls += max(self._kept(self.max_calls) - of.calls, 0)
                tokens += max(self._kept(self.max_tokens) - of.tokens, 0)
        return calls <= self.max_calls and tokens <= self.max_tokens

    def _kept(self, room: int) -> int:
        return int(room * self.minimum_share)

    def _victim(self, entry: Entry[T]) -> Entry[T] | None:
        """The newest call of the longest line of the lowest class below that has more than the room it keeps.

        Else the newest of a line of the newcomer's class that is longer than its own.
        """
        for priority in reversed(Priority):
            of = self._classes[priority]
            spare = of.calls > self._kept(self.max_calls) or of.tokens > self._kept(self.max_tokens)
            if priority > entry.priority and spare:
                return next(reversed(max(of.lines.values(), key=_length).entries))
        lines = self._classes[entry.priority].lines
        own = lines.get(entry.tenant)
        wanted = ((own.tokens if own is not None else 0) + entry.tokens) / entry.weight
        longest = max((line for line in lines.values() if line is not own), key=_length, default=None)
        if longest is None:
            return None
        newest = next(reversed(longest.entries))
        return newest if (longest.tokens - newest.tokens) / longest.weight >= wanted else None


def _charged(entry: Entry[T]) -> int:
    """What a call's turn costs its tenant: who asks for nothing but counts has it for one too."""
    return max(entry.input_tokens, 1)


def _length(line: Line[T]) -> float:
    return line.tokens / line.weight if line.entries else -inf
