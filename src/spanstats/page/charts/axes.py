"""The box of a chart of points, and the lines and labels of its axes."""

from collections.abc import Sequence

from markupsafe import Markup

from ..figures import tick
from .svg import Scale, line, scale_over, text

HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 240.0, 52.0, 14.0, 12.0, 26.0


def y_scale(values: Sequence[float], *, zero: bool = False) -> Scale:
    """From the floor of the box to its top, between round values."""
    return scale_over(values, HEIGHT - BOTTOM, TOP, zero=zero).widened()


def x_scale(values: Sequence[float], width: float) -> Scale:
    """From zero to the right end of the box."""
    return scale_over(values, LEFT, width - RIGHT, zero=True).widened(_ticks_across(width))


def grid(y: Scale, unit: str | None, width: float, *, whole: bool = False) -> list[Markup]:
    """Lines with labels; of whole numbers only at whole numbers."""
    parts = []
    for at in (t for t in y.ticks() if not whole or float(t).is_integer()):
        parts += [line(LEFT, y(at), width - RIGHT, y(at), "grid")]
        parts += [text(LEFT - 6, y(at) + 4, tick(at, unit), anchor="end")]
    return parts


def labels_below(x: Scale, unit: str | None, width: float) -> list[Markup]:
    """The labels of the x axis; the last one ends where the box does."""
    return [
        text(x(at), HEIGHT - 8, tick(at, unit), anchor="end" if x(at) > width - 30 else "middle")
        for at in x.ticks(_ticks_across(width))
    ]


def _ticks_across(width: float) -> int:
    return 5 if width > 400 else 3
