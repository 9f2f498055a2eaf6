"""Plots as small SVG files: lines over time, and groups of bars."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, log10
from typing import Protocol

WIDTH, HEIGHT = 760, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 64, 48
COLOURS = ("#1f5fbf", "#d9822b", "#7a8594", "#2e9e6b", "#a8489b")
INK, FAINT, GRID = "#1c2430", "#5c6675", "#e4e8ee"

Point = tuple[float, float]


class Plot(Protocol):
    """Anything that can be drawn."""

    def svg(self) -> str:
        """The whole file."""
        ...


@dataclass(frozen=True)
class Lines:
    """Lines by name. `bounds` are drawn across, dashed; `shade` is a stretch of time in which something is the matter."""

    title: str
    x: str
    y: str
    lines: dict[str, list[Point]]
    bounds: dict[str, float] = field(default_factory=dict)
    shade: tuple[float, float, str] | None = None

    def svg(self) -> str:
        """The whole file."""
        points = [point for line in self.lines.values() for point in line]
        across = _Scale(min(x for x, _ in points), max(x for x, _ in points), LEFT, WIDTH - RIGHT)
        ys = [y for _, y in points] + list(self.bounds.values())
        up = _Scale(min(*ys, 0.0), max(ys) * 1.05, HEIGHT - BOTTOM, TOP)
        parts = [*_frame(self.title, list(self.lines), self.y), *_grid(up)]
        if self.shade is not None:
            start, end, text = self.shade
            left, right = across(start), across(end)
            parts.insert(
                1,
                f'<rect x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{HEIGHT - TOP - BOTTOM}" fill="#f3ecdf"/>',
            )
            parts.append(_text((left + right) / 2, TOP + 14, text, FAINT, "middle"))
        parts += [_text(across(tick), HEIGHT - BOTTOM + 18, _number(tick), FAINT, "middle") for tick in across.ticks(8)]
        parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, self.x, FAINT, "middle"))
        for bound in self.bounds.values():
            y = up(bound)
            parts.append(
                f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{INK}" stroke-width="1.2" stroke-dasharray="5 4"/>'
            )
        for colour, line in zip(COLOURS, self.lines.values(), strict=False):
            drawn = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in line)
            parts.append(
                f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-linejoin="round"/>'
            )
        parts += [_text(WIDTH - RIGHT - 4, up(bound) - 6, name, INK, "end", halo=True) for name, bound in self.bounds.items()]
        return _file(parts)


@dataclass(frozen=True)
class Bars:
    """Groups of bars: `groups` by name, each with a value for every one of `series`; the values stand on the bars."""

    title: str
    y: str
    series: list[str]
    groups: dict[str, list[float]]
    logarithmic: bool = False

    def svg(self) -> str:
        """The whole file."""
        values = [value for group in self.groups.values() for value in group]
        floor_at = min(value for value in values if value > 0) / 2 if self.logarithmic else 0.0
        up = _Scale(floor_at, max(values) * 1.12, HEIGHT - BOTTOM, TOP, logarithmic=self.logarithmic)
        parts = [*_frame(self.title, self.series if len(self.series) > 1 else [], self.y), *_grid(up)]
        room = (WIDTH - LEFT - RIGHT) / len(self.groups)
        width = min(room * 0.76 / len(self.series), 56)
        for number, (name, group) in enumerate(self.groups.items()):
            middle = LEFT + room * (number + 0.5)
            parts.append(_text(middle, HEIGHT - BOTTOM + 18, name, INK, "middle"))
            for index, value in enumerate(group):
                x = middle + (index - len(group) / 2) * width
                top = up(max(value, floor_at))
                colour = COLOURS[index] if len(self.series) > 1 or number == 0 else COLOURS[2]  # one series: ours, and others
                parts.append(
                    f'<rect x="{x + 1:.1f}" y="{top:.1f}" width="{width - 2:.1f}" height="{HEIGHT - BOTTOM - top:.1f}"'
                    f' fill="{colour}"/>'
                )
                parts.append(_text(x + width / 2, top - 5, f"{value:.2f}", INK, "middle", 11))
        return _file(parts)


class _Scale:
    """Values to pixels."""

    def __init__(self, low: float, high: float, start: float, end: float, *, logarithmic: bool = False) -> None:
        self.low, self.high = low, high if high > low else low + 1
        self._start, self._end = start, end
        self._logarithmic = logarithmic

    def __call__(self, value: float) -> float:
        """The pixel."""
        if self._logarithmic:
            part = log10(max(value, self.low) / self.low) / log10(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self._start + part * (self._end - self._start)

    def ticks(self, most: int) -> list[float]:
        """Round values."""
        if self._logarithmic:
            return [10.0**power for power in range(ceil(log10(self.low)), floor(log10(self.high)) + 1)]
        rough = (self.high - self.low) / most
        power = 10.0 ** floor(log10(rough))
        step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
        return [step * number for number in range(ceil(self.low / step), floor(self.high / step) + 1)]


def _frame(title: str, names: list[str], y: str) -> list[str]:
    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>', _text(LEFT, 22, title, INK, "start", 14, bold=True)]
    x = float(LEFT)
    for colour, name in zip(COLOURS, names, strict=False):
        parts.append(f'<rect x="{x:.1f}" y="36" width="12" height="4" rx="2" fill="{colour}"/>')
        parts.append(_text(x + 17, 42, name, INK, "start"))
        x += 35 + 6.6 * len(name)
    parts.append(_text(LEFT, TOP - 6, y, FAINT, "start", 11) if not names else _text(WIDTH - RIGHT, 42, y, FAINT, "end", 11))
    return parts


def _grid(up: _Scale) -> list[str]:
    parts = []
    for tick in up.ticks(5):
        parts.append(f'<path d="M{LEFT} {up(tick):.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        parts.append(_text(LEFT - 8, up(tick) + 4, _number(tick), FAINT, "end"))
    return parts


def _text(
    x: float, y: float, text: str, colour: str, anchor: str, size: int = 12, *, bold: bool = False, halo: bool = False
) -> str:
    style = ' font-weight="600"' if bold else ' stroke="#ffffff" stroke-width="4" paint-order="stroke"' if halo else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" font-size="{size}"{style}>{escape(text)}</text>'
    )


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value / 1000:g} k"
    return f"{round(value, 6):g}"


def _file(parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif">'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"
