"""Whatever happens to a queue, every call is in exactly one place, and its sums and bounds hold."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from thinmesh_core.priority import Priority
from thinmesh_router.fair_queue import FairQueue, Full
from thinmesh_router.line import Entry

MAX_CALLS, MAX_TOKENS = 8, 120


class QueueMachine(RuleBasedStateMachine):
    """Against a plain list of those that should wait."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: FairQueue[int] = FairQueue(max_calls=MAX_CALLS, max_tokens=MAX_TOKENS)
        self.waiting: list[Entry[int]] = []
        self.taken: list[Entry[int]] = []
        self.now = 0.0
        self.put_back = 0

    @rule(
        priority=st.sampled_from(Priority),
        tenant=st.sampled_from("abc"),
        weight=st.sampled_from([1.0, 3.0]),
        tokens=st.integers(1, 60),
        seconds=st.integers(1, 20),
    )
    def push(self, priority: Priority, tenant: str, weight: float, tokens: int, seconds: int) -> None:
        one = Entry(len(self.waiting), priority, tenant, weight, tokens // 2, tokens, self.now, self.now + seconds)
        try:
            pushed_out = self.queue.push(one, self.now)
        except Full:
            return
        for gone in pushed_out:
            assert gone.priority >= priority
            self.waiting.remove(gone)
        self.waiting.append(one)
        assert self.put_back or len(self.queue) <= MAX_CALLS
        assert self.put_back or len(self.queue) == 1 or self.queue.tokens <= MAX_TOKENS

    @rule(index=st.integers(0, 3))
    def take(self, index: int) -> None:
        heads = list(self.queue.heads(self.now))
        assert len(set(heads)) == len(heads)
        assert all(head.deadline > self.now for head in heads)
        if index < len(heads):
            self.queue.take(heads[index], self.now)
            self.waiting.remove(heads[index])
            self.taken.append(heads[index])

    @precondition(lambda self: self.taken)
    @rule()
    def give_back(self) -> None:
        one = self.taken.pop()
        self.queue.put_back(one, self.now)
        self.waiting.append(one)
        self.put_back += 1

    @precondition(lambda self: self.taken)
    @rule(tokens=st.integers(0, 100))
    def charge(self, tokens: int) -> None:
        self.queue.charge(self.taken[-1], tokens)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.waiting))
        assert self.queue.remove(one)
        assert not self.queue.remove(one)
        self.waiting.remove(one)

    @rule(seconds=st.floats(0, 5))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def nothing_is_lost(self) -> None:
        assert sorted(map(id, self.queue.entries())) == sorted(map(id, self.waiting))
        assert (len(self.queue), self.queue.tokens) == (len(self.waiting), sum(one.tokens for one in self.waiting))
        assert sum(view.calls for view in self.queue.lines(self.now)) == len(self.waiting)
        assert sorted(map(self.queue.position, self.waiting))[:1] in ([], [0]) or any(
            one.deadline <= self.now for one in self.waiting
        )


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
