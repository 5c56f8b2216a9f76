"""Runs as points: quality against cost with the best trade-offs joined, and a value over time."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ..figures import measured, tick
from .svg import Scale, both_widths, element, line, picture, scale_over, text, title

_MOST_NAMES, _MOST_LETTERS = 12, 18
_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 240.0, 52.0, 14.0, 12.0, 26.0


@dataclass(frozen=True, slots=True)
class Point:
    """One run; `low` and `high` bound its interval on the y axis where that is known."""

    name: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None


def trade_off(points: Sequence[Point], x_unit: str | None, y_unit: str | None, sentence: str) -> Markup:
    """Each run at its cost (x, lower is better) and quality (y, higher is better); the best ones are joined."""

    def draw(width: int, class_: str) -> Markup:
        x, y = _scales([p.x for p in points], points, width)
        best = pareto(points)
        steps = "".join(f"{'L' if i else 'M'}{x(p.x):.2f},{y(p.y):.2f}" for i, p in enumerate(best))
        path = element("path", d=steps, class_="front") if len(best) > 1 else Markup("")
        marks = [_mark(p, x, y, x_unit, y_unit, p in best) for p in points]
        if len(points) <= _MOST_NAMES:
            marks += [_name(p, x, y, width) for p in points]
        return picture(width, _HEIGHT, sentence, *_axes(x, y, x_unit, y_unit, width), path, *marks, class_=class_)

    return both_widths(draw)


def trend(values: Sequence[tuple[str, float | None]], unit: str | None, sentence: str) -> Markup:
    """Values in order of time, one after another; a gap where a value is missing."""
    known = [v for _, v in values if v is not None]

    def draw(width: int, class_: str) -> Markup:
        x = Scale(0, max(1, len(values) - 1), _LEFT, width - _RIGHT)
        y = scale_over(known, _HEIGHT - _BOTTOM, _TOP, zero=True).widened()
        parts = _grid(y, unit, width, whole=all(float(v).is_integer() for v in known))
        path, pen, dots = "", "M", []
        for i, (name, value) in enumerate(values):
            if value is None:
                pen = "M"
                continue
            path, pen = path + f"{pen}{x(i):.2f},{y(value):.2f}", "L"
            if len(values) <= 60:
                said = title(f"{name}: {measured(value, unit)}")
                dots.append(element("circle", said, cx=x(i), cy=y(value), r=3, class_="dot"))
        parts += [element("path", d=path or "M0,0", class_="line"), *dots]
        for i in sorted({0, len(values) - 1}) if values else ():
            parts.append(text(x(i), _HEIGHT - 8, values[i][0], anchor="start" if i == 0 else "end"))
        return picture(width, _HEIGHT, sentence, *parts, class_=class_)

    return both_widths(draw)


def pareto(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both: none is at most as dear and better. By rising x."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, -p.y)):
        if not best or point.y > best[-1].y:
            best.append(point)
    return best


def _scales(xs: Sequence[float], points: Sequence[Point], width: float) -> tuple[Scale, Scale]:
    ys = [v for p in points for v in (p.y, p.low, p.high) if v is not None]
    x = scale_over(xs, _LEFT, width - _RIGHT, zero=True).widened(_ticks_across(width))
    return x, scale_over(ys, _HEIGHT - _BOTTOM, _TOP).widened()


def _ticks_across(width: float) -> int:
    return 5 if width > 400 else 3


def _grid(y: Scale, unit: str | None, width: float, *, whole: bool = False) -> list[Markup]:
    """Lines with labels; of whole numbers only at whole numbers."""
    parts = []
    for at in (t for t in y.ticks() if not whole or float(t).is_integer()):
        parts += [line(_LEFT, y(at), width - _RIGHT, y(at), "grid")]
        parts += [text(_LEFT - 6, y(at) + 4, tick(at, unit), anchor="end")]
    return parts


def _axes(x: Scale, y: Scale, x_unit: str | None, y_unit: str | None, width: float) -> list[Markup]:
    parts = _grid(y, y_unit, width)
    for at in x.ticks(_ticks_across(width)):
        anchor = "end" if x(at) > width - 30 else "middle"
        parts.append(text(x(at), _HEIGHT - 8, tick(at, x_unit), anchor=anchor))
    return parts


def _name(point: Point, x: Scale, y: Scale, width: float) -> Markup:
    """The run's name beside its point, on the side that has room."""
    name = point.name if len(point.name) <= _MOST_LETTERS else point.name[: _MOST_LETTERS - 1] + "…"
    is_right = x(point.x) < width * 0.6
    return text(x(point.x) + (9 if is_right else -9), y(point.y) + 4, name, anchor="start" if is_right else "end")


def _mark(point: Point, x: Scale, y: Scale, x_unit: str | None, y_unit: str | None, best: bool) -> Markup:
    said = title(f"{point.name}: {measured(point.y, y_unit)} at {measured(point.x, x_unit)}")
    circle = element("circle", said, cx=x(point.x), cy=y(point.y), r=5, class_="best" if best else "beaten")
    if point.low is None or point.high is None:
        return circle
    return line(x(point.x), y(point.low), x(point.x), y(point.high), "whisker") + circle
