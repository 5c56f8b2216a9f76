"""A value over time: a dot for each, at even distances, with lines between neighbours."""

from collections.abc import Sequence
from operator import itemgetter

from markupsafe import Markup

from ..figures import measured, moment
from .axes import HEIGHT, LEFT, RIGHT, grid, y_scale
from .svg import Scale, both_widths, element, picture, text, title

Values = Sequence[tuple[str, float | None]]

_MOST_DOTS = 60


def trend(by_time: Values, unit: str | None, sentence: str) -> Markup:
    """Values by ISO times, from the earliest to the latest; a gap where a value is missing."""
    values = [(moment(at), value) for at, value in sorted(by_time, key=itemgetter(0))]
    numbers = [v for _, v in values if v is not None]

    def draw(width: int, class_: str) -> Markup:
        x = Scale(0, max(1, len(values) - 1), LEFT, width - RIGHT)
        y = y_scale(numbers, zero=True)
        lines = grid(y, unit, width, whole=all(float(v).is_integer() for v in numbers))
        marks = [_path(values, x, y), *_dots(values, x, y, unit), *_ends(values, x)]
        return picture(width, HEIGHT, sentence, *lines, *marks, class_=class_)

    return both_widths(draw)


def _path(values: Values, x: Scale, y: Scale) -> Markup:
    path, pen = "", "M"
    for i, (_, value) in enumerate(values):
        if value is None:
            pen = "M"
            continue
        path, pen = path + f"{pen}{x(i):.2f},{y(value):.2f}", "L"
    return element("path", d=path or "M0,0", class_="line")


def _dots(values: Values, x: Scale, y: Scale, unit: str | None) -> list[Markup]:
    """None where they would touch each other."""
    if len(values) > _MOST_DOTS:
        return []
    return [
        element("circle", title(f"{name}: {measured(value, unit)}"), cx=x(i), cy=y(value), r=3, class_="dot")
        for i, (name, value) in enumerate(values)
        if value is not None
    ]


def _ends(values: Values, x: Scale) -> list[Markup]:
    """The names of the first and the last value."""
    shown = sorted({0, len(values) - 1}) if values else []
    return [text(x(i), HEIGHT - 8, values[i][0], anchor="end" if i else "start") for i in shown]
