"""Leaving a backend alone that fails, and trying it again with care. Pure; time in seconds.

Outlier ejection after Envoy (consecutive failures, growing time, never all of them) with Linkerd's single probe. Envoy shuts
everything where all backends fail often; here what is no worse than the others goes on, for it still answers some.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from math import ceil, log
from random import Random

from thinmesh.router.v1 import backend_service_pb2 as pb

FAILURES = 5
"""In a row, before a backend is ejected, while most calls succeed."""

MOST_FAILURES = 50
CHANCE = 1e-3
SMOOTHING = 0.02
UNREMARKABLE_SHARE = 0.25
"""Up to this share of failures five in a row are once in a thousand or rarer."""

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
"""Each ejection lasts twice as long as the one before."""

FORGIVEN_SECONDS = 60.0
"""After so long without an ejection the next is short again."""

SLOW_START_SECONDS = 10.0
SLOW_START_SHARE = 0.1
"""A backend that is back begins with this share of its weight, and has all of it after that time."""


class Health(IntEnum):
    """The values are those of `thinmesh.router.v1.Health`."""

    HEALTHY = pb.HEALTH_HEALTHY
    EJECTED = pb.HEALTH_EJECTED
    PROBING = pb.HEALTH_PROBING
    RECOVERING = pb.HEALTH_RECOVERING


class FailureRate:
    """The share of all recent calls that failed: so many failures in a row are nothing special where most calls fail."""

    __slots__ = ("_share",)

    def __init__(self) -> None:
        self._share = 0.0

    def observe(self, *, failed: bool) -> None:
        """A call ended."""
        self._share += (failed - self._share) * SMOOTHING

    @property
    def remarkable(self) -> int:
        """How many failures in a row would come by chance once in a thousand times, but five at the least."""
        if self._share < UNREMARKABLE_SHARE:
            return FAILURES
        return max(FAILURES, min(ceil(log(CHANCE) / log(self._share)), MOST_FAILURES))


class Breaker:
    """One backend's failures. `until` is when an ejected one may be probed; `rate` is that of all backends together.

    Calls that were under way when it was ejected end later: `begin` gives each call the number of its probe, 0 for all that
    are none, and whoever ends says that number, so that only the probe itself decides about it.
    """

    __slots__ = ("_ejections", "_probes", "_random", "_rate", "_since", "failures", "probe", "until")

    def __init__(self, random: Random, rate: FailureRate) -> None:
        self._rate = rate
        self.failures = 0
        self.until: float | None = None
        self.probe = 0
        """The number of the probe that runs; 0 for none."""
        self._probes = 0
        self._ejections = 0
        self._since = -FORGIVEN_SECONDS
        self._random = random

    @property
    def closed(self) -> bool:
        """Whether calls pass."""
        return self.until is None

    def allows_probe(self, now: float) -> bool:
        """Whether an ejected backend may be tried with one call."""
        return self.until is not None and now >= self.until and not self.probe

    def begin(self, now: float) -> int:
        """A call goes there; where it is ejected and its time is over, that is the probe, and has a number."""
        if not self.allows_probe(now):
            return 0
        self._probes += 1
        self.probe = self._probes
        return self.probe

    def succeeded(self, now: float, began: float) -> None:
        """A call that began then was answered, if only with a refusal of its request."""
        self._rate.observe(failed=False)
        if self.until is not None and began < self._since:
            return  # it was under way when others were enough
        self.failures = 0
        if self.until is not None:
            self.until, self.probe = None, 0
            self._since = now

    def failed(self, now: float, probe: int) -> None:
        """A call failed for the backend's fault; the number is what `begin` gave it."""
        self._rate.observe(failed=True)
        self.failures += 1
        if self.until is not None and (not probe or probe != self.probe):
            return  # it was under way when others were enough
        if self.until is not None or self.failures >= self._rate.remarkable:
            self._eject(now)

    def abandoned(self, probe: int) -> None:
        """A call ended without a verdict; if it was the probe, the next may be."""
        if probe == self.probe:
            self.probe = 0

    def share(self, now: float) -> float:
        """The share of its weight that the backend gets, from 0.1 to 1."""
        passed = now - self._since
        if self._ejections == 0 or passed >= SLOW_START_SECONDS:
            return 1.0
        return SLOW_START_SHARE + (1 - SLOW_START_SHARE) * max(passed, 0.0) / SLOW_START_SECONDS

    def health(self, now: float) -> Health:
        """For operators."""
        if self.until is not None:
            return Health.PROBING if self.probe else Health.EJECTED
        return Health.RECOVERING if self.share(now) < 1 else Health.HEALTHY

    def _eject(self, now: float) -> None:
        if self.until is None and now - self._since >= FORGIVEN_SECONDS:
            self._ejections = 0
        seconds = min(FIRST_SECONDS * 2**self._ejections, LONGEST_SECONDS)
        self._ejections += 1
        self.until = now + seconds * self._random.uniform(0.75, 1.25)
        self.probe = 0
        self._since = now


def usable(breakers: Sequence[Breaker], now: float) -> list[int]:
    """The indices of those that may get a call now: never none. One whose time is over is named first, for its probe.

    Where all are ejected, the one whose time is over soonest is used all the same.
    """
    found = [index for index, one in enumerate(breakers) if one.until is None]
    if len(found) == len(breakers):
        return found
    probes = [index for index, one in enumerate(breakers) if one.allows_probe(now)]
    if not found and not probes:
        return [min(range(len(breakers)), key=lambda index: breakers[index].until or 0.0)]
    return probes + found
