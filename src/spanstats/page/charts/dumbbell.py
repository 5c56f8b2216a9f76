"""The median, the 95th and the 99th percentile as three points on a line, a line for each row."""

from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup

from ..figures import measured, tick, unit_of_seconds
from .svg import Scale, both_widths, element, line, picture, scale_over, text, title

Row = tuple[str, Sequence[float | None]]
"""A label, and the values of its percentiles in rising order."""

_ROW, _NAMES = 40.0, ("p50", "p95", "p99")


def dumbbell(rows: Sequence[Row], unit: str | None, sentence: str) -> Markup:
    """One line for each row, all on one scale from zero."""
    numbers = [v for _, values in rows for v in values if v is not None]

    def draw(width: int, class_: str) -> Markup:
        x = scale_over(numbers, 12, width - 12, zero=True)
        height = _ROW * len(rows) + 30
        parts = [_tick(x(t), height, tick(t, unit), width) for t in _ticks(x, unit, 5 if width > 400 else 3)]
        for i, (label, values) in enumerate(rows):
            parts += _row(x, i, label, values, unit)
        return picture(width, height, sentence, *parts, class_=class_)

    return both_widths(draw)


def _ticks(x: Scale, unit: str | None, most: int) -> list[float]:
    """Round values in the unit that they are shown in: hours are no round number of seconds."""
    size = unit_of_seconds(x.high)[0] if unit == "s" else 1.0
    return [t * size for t in replace(x, low=x.low / size, high=x.high / size).ticks(most)]


def _tick(at: float, height: float, label: str, width: float) -> Markup:
    anchor = "start" if at < 30 else "end" if at > width - 30 else "middle"
    return line(at, 4, at, height - 20, "grid") + text(at, height - 6, label, anchor=anchor)


def _row(x: Scale, index: int, label: str, values: Sequence[float | None], unit: str | None) -> list[Markup]:
    y = _ROW * index + 30
    points = [(name, v) for name, v in zip(_NAMES, values, strict=False) if v is not None]
    shown = ", ".join(f"{name} {measured(value, unit)}" for name, value in points)
    parts = [text(12, y - 11, f"{label}: {shown}" if shown else label)]
    if points:
        parts.append(line(x(points[0][1]), y, x(points[-1][1]), y, "thread"))
    for size, (name, value) in zip((6, 5, 4), points, strict=False):
        pointed = title(f"{label}, {name}: {measured(value, unit)}")
        parts.append(element("circle", pointed, cx=x(value), cy=y, r=size, class_=f"arm1 {name}"))
    return parts
