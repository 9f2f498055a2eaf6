"""Kept answers stay within their bound and their time, whatever is kept and asked."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from thinmesh_gateway.idempotency.answers import OVERHEAD_BYTES, Answers

WINDOW = 10.0
MOST = 4 * OVERHEAD_BYTES
NAMES = st.integers(0, 6).map(lambda number: b"name-%d" % number)


class KeptAnswers(RuleBasedStateMachine):
    """Beside the answers runs a list of what should be there, the one used longest ago first."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = Answers(WINDOW, MOST)
        self.model: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()
        self.now = 0.0

    @rule(seconds=st.floats(0, WINDOW))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(name=NAMES, answer=st.binary(max_size=2 * OVERHEAD_BYTES) | st.just(b"x" * MOST))
    def keep(self, name: bytes, answer: bytes) -> None:
        self.answers.keep(name, b"f", answer, self.now)
        self.model.pop(name, None)
        if self.size(answer) <= MOST:
            self.model[name] = (answer, self.now + WINDOW)
        while sum(self.size(one) for one, _ in self.model.values()) > MOST:
            self.model.popitem(last=False)

    @rule(name=NAMES)
    def find(self, name: bytes) -> None:
        found = self.answers.find(name, self.now)
        known = self.model.get(name)
        if known is not None and known[1] <= self.now:
            del self.model[name]
            known = None
        assert (None if found is None else found.answer) == (None if known is None else known[0])
        if known is not None:
            self.model.move_to_end(name)

    @invariant()
    def the_bound_is_kept(self) -> None:
        assert self.answers.bytes == sum(self.size(answer) for answer, _ in self.model.values()) <= MOST
        assert len(self.answers) == len(self.model)

    @staticmethod
    def size(answer: bytes) -> int:
        return len(answer) + OVERHEAD_BYTES


TestKeptAnswers = KeptAnswers.TestCase
TestKeptAnswers.settings = settings(max_examples=60, deadline=None)
