"""A difference with its interval around zero: one row of a forest plot, on a scale of its own."""

from markupsafe import Markup

from .svg import Scale, element, line, picture

_WIDTH, _HEIGHT, _EDGE = 200.0, 22.0, 6.0


def interval(
    difference: float | None,
    low: float | None,
    high: float | None,
    verdict: str,
    sentence: str,
    margin: float | None = None,
) -> Markup:
    """The difference as a diamond, its interval as a line, zero in the middle, the margin as a band."""
    shown = [abs(v) for v in (difference, low, high, margin) if v is not None]
    reach = max(shown, default=0) or 1.0
    x = Scale(-reach, reach, _EDGE, _WIDTH - _EDGE)
    middle = _HEIGHT / 2
    parts = [line(_EDGE, middle, _WIDTH - _EDGE, middle, "track")]
    if margin:
        parts.append(
            element("rect", x=x(-margin), y=3, width=x(margin) - x(-margin), height=_HEIGHT - 6, class_="band")
        )
    parts.append(line(x(0), 2, x(0), _HEIGHT - 2, "zero"))
    if low is not None and high is not None:
        parts += [line(x(low), middle, x(high), middle, "whisker")]
        parts += [line(x(v), middle - 4, x(v), middle + 4, "whisker") for v in (low, high)]
    if difference is not None:
        parts.append(_diamond(x(difference), middle))
    return picture(_WIDTH, _HEIGHT, sentence, *parts, class_=f"interval {verdict}")


def _diamond(x: float, y: float, size: float = 5) -> Markup:
    points = ((x, y - size), (x + size, y), (x, y + size), (x - size, y))
    return element("polygon", points=" ".join(f"{a:.2f},{b:.2f}" for a, b in points), class_="mark")
