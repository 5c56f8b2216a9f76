"""Runs as points: quality against cost, with the best trade-offs joined."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ..figures import measured
from .axes import HEIGHT, grid, labels_below, x_scale, y_scale
from .names import names_beside
from .svg import Scale, both_widths, element, line, picture, title


@dataclass(frozen=True, slots=True)
class Point:
    """One run; `low` and `high` bound its interval on the y axis where that is known; the best ones are joined."""

    name: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None
    is_best: bool | None = None


@dataclass(frozen=True, slots=True)
class _Axes:
    """Both scales with their units, for one width."""

    x: Scale
    y: Scale
    x_unit: str | None
    y_unit: str | None
    width: float


def trade_off(points: Sequence[Point], x_unit: str | None, y_unit: str | None, sentence: str) -> Markup:
    """Each run at its cost (x, lower is better) and quality (y, higher is better)."""
    heights = [v for p in points for v in (p.y, p.low, p.high) if v is not None]

    def draw(width: int, class_: str) -> Markup:
        axes = _Axes(x_scale([p.x for p in points], width), y_scale(heights), x_unit, y_unit, width)
        lines = [*grid(axes.y, y_unit, width), *labels_below(axes.x, x_unit, width)]
        marks = [_front(points, axes), *(_mark(point, axes) for point in points)]
        names = names_beside([(p.name, axes.x(p.x), axes.y(p.y)) for p in _best_first(points)], width)
        return picture(width, HEIGHT, sentence, *lines, *marks, *names, class_=class_)

    return both_widths(draw)


def _front(points: Sequence[Point], axes: _Axes) -> Markup:
    """A line from the cheapest of the best runs to the most expensive."""
    best = sorted((point for point in points if point.is_best), key=lambda point: point.x)
    steps = "".join(f"{'L' if i else 'M'}{axes.x(p.x):.2f},{axes.y(p.y):.2f}" for i, p in enumerate(best))
    return element("path", d=steps, class_="front") if len(best) > 1 else Markup("")


def _best_first(points: Sequence[Point]) -> list[Point]:
    """Where there is no room for all names, the best runs keep theirs."""
    return [*(p for p in points if p.is_best), *(p for p in points if not p.is_best)]


def _mark(point: Point, axes: _Axes) -> Markup:
    """The run's point, with its interval where that is known."""
    x, y = axes.x(point.x), axes.y(point.y)
    pointed = title(f"{point.name}: {measured(point.y, axes.y_unit)} at {measured(point.x, axes.x_unit)}")
    circle = element("circle", pointed, cx=x, cy=y, r=5, class_="best" if point.is_best else "beaten")
    if point.low is None or point.high is None:
        return circle
    return line(x, axes.y(point.low), x, axes.y(point.high), "whisker") + circle
