"""Tenants of one class beside each other: the bound on their gap, a light one beside a heavy one, floods, weights."""

from __future__ import annotations

from bench.simulate.call import Call
from bench.simulate.outcome import Result, at_most
from bench.simulate.plot import Lines
from bench.simulate.scenarios.tenants import CALL_SECONDS, Shared, Tenant
from bench.simulate.workload import MOST_TOKENS

WARM_SECONDS = 20
"""By then a flood has filled the queue."""


def gap(scale: float) -> Result:
    """Two that always wait."""
    slots, seconds = 8, round(400 * scale)
    rows = [["weights", "arrivals", "largest gap", "bound", "largest gap first in, first out"]]
    worst = 0.0
    lines, drawn_bound = {}, 0.0
    for weight, ratio, seed in ((1.0, 4.0, 1), (1.0, 1.0, 2), (3.0, 4.0, 3), (2.0, 0.5, 4)):
        overload = 2 * slots / CALL_SECONDS
        tenants = [Tenant("a", overload * ratio, weight), Tenant("b", overload)]
        fair, plain = (Shared(tenants, seconds, seed=seed, slots=slots, fair=one) for one in (True, False))
        bound = 2 * max(MOST_TOKENS, fair.most_running) / min(weight, 1.0)
        ours, theirs = _gaps(fair, weight), _gaps(plain, weight)
        worst = max(worst, _range(ours) / bound)
        rows.append([f"{weight:g} : 1", f"{ratio:g} : 1", *(f"{value:.0f}" for value in (_range(ours), bound, _range(theirs)))])
        if seed == 1:
            lines, drawn_bound = {"thinmesh": ours, "first in, first out": theirs}, bound
    return Result(
        "The gap between two that always wait",
        f"Two tenants ask for more than {slots} slots can do, for {seconds} s. The gap is what one was served more than the"
        " other, in tokens over weight, between any two moments. VTC bounds it by twice the larger of the largest input and the"
        " tokens that ran at once (those that did run, not those that could).",
        [at_most("largest gap, as a share of VTC's bound", worst, 1.0)],
        rows,
        {
            "fairness-gap": Lines(
                "What a tenant that asks four times as often was served more",
                "seconds",
                "tokens",
                lines,
                {"VTC's bound": drawn_bound},
            )
        },
    )


def light(scale: float) -> Result:
    """One that asks little beside one that asks for more than there is."""
    seconds = round(180 * scale)
    heavy, little = Tenant("heavy", 10.0), Tenant("light", 1.5)
    fair = Shared([heavy, little], seconds, seed=1)
    plain = Shared([heavy, little], seconds, seed=1, fair=False)
    alone = Shared([little], seconds, seed=1)
    lost = 1 - fair.between("heavy", 0) / plain.between("heavy", 0)
    rows = [["", "light's wait p50", "light's wait p99", "light's tokens", "heavy's tokens"]]
    for name, run in (("thinmesh", fair), ("first in, first out", plain), ("light alone", alone)):
        rows.append(
            [
                name,
                *(f"{run.wait('light', share):.2f} s" for share in (0.5, 0.99)),
                *(str(run.between(one, 0)) if one in run.calls else "-" for one in ("light", "heavy")),
            ]
        )
    return Result(
        "A light tenant beside a heavy one",
        "One engine of 32 slots at 50 tokens/s; one tenant makes 10 calls a second, which is more than it can do, the other"
        f" 1.5, for {seconds} s; lengths are lognormal, about 220 tokens in and 190 out.",
        [
            at_most("light's p99 wait for a slot", fair.wait("light", 0.99), 2.65, " s"),
            at_most("what the heavy one loses by it", lost * 100, 15, " %", 1),
        ],
        rows,
        {
            "light-tenant": Lines(
                "How long the light tenant's calls wait for a slot",
                "seconds",
                "seconds of waiting",
                {"thinmesh": _waits(fair.calls["light"]), "first in, first out": _waits(plain.calls["light"])},
            )
        },
    )


def floods(scale: float) -> Result:
    """Tenants that all ask for more than their share, one ten times as much; and with weights."""
    seconds = WARM_SECONDS + round(400 * scale)
    slots = 16
    capacity = slots / CALL_SECONDS
    even = [Tenant("ten", 8 * capacity), Tenant("one", 0.8 * capacity)]
    fair, plain = Shared(even, seconds, seed=5, slots=slots), Shared(even, seconds, seed=5, slots=slots, fair=False)
    ratio, plainly = (_ratio(run, "ten", "one") for run in (fair, plain))
    weighted = [Tenant("a", 3 * capacity, 4.0), Tenant("b", 3 * capacity, 2.0), Tenant("c", 3 * capacity, 1.0)]
    shared = Shared(weighted, seconds, seed=6, slots=slots)
    off = max(abs(_ratio(shared, one.name, "c") / one.weight - 1) for one in weighted)
    rows = [
        ["", "thinmesh", "first in, first out", "SMG, measured"],
        ["tokens of one that sends ten times as much", f"{ratio:.2f} : 1", f"{plainly:.2f} : 1", "14.6 : 1"],
        ["tokens at weights 4 : 2 : 1", " : ".join(f"{_ratio(shared, one.name, 'c'):.2f}" for one in weighted), "-", "-"],
    ]
    return Result(
        "Floods of one class",
        f"Two tenants, 8 and 0.8 times what an engine of {slots} slots can do, for {seconds} s; then three tenants with weights,"
        " each three times as much. Whoever would wait for more than 30 s is refused, so some of each wait all the time.",
        [
            at_most("10 : 1 in calls, off equal tokens", abs(ratio - 1) * 100, 5, " %", 1),
            at_most("weights 4 : 2 : 1, furthest off", off * 100, 5, " %", 1),
        ],
        rows,
        {},
    )


def _gaps(run: Shared, weight: float) -> list[tuple[float, float]]:
    start = run.tokens[WARM_SECONDS]
    return [
        (float(second), (now["a"] - start["a"]) / weight - (now["b"] - start["b"]))
        for second, now in enumerate(run.tokens)
        if second >= WARM_SECONDS
    ]


def _range(gaps: list[tuple[float, float]]) -> float:
    """The largest that any stretch of time had."""
    values = [value for _, value in gaps]
    return max(values) - min(values)


def _ratio(run: Shared, one: str, other: str) -> float:
    return run.between(one, WARM_SECONDS) / run.between(other, WARM_SECONDS)


def _waits(calls: list[Call]) -> list[tuple[float, float]]:
    return [(call.arrived, call.waited) for call in calls if call.began is not None]
