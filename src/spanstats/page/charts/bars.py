"""Bars in the rows of a table: a share of the widest, or a span's time within its trace."""

from collections.abc import Sequence

from markupsafe import Markup

from .svg import element, picture

_WIDTH = 1000.0


def share_bars(values: Sequence[float | None], sentences: Sequence[str]) -> list[Markup]:
    """Bars of a column of a table, the longest for its largest value."""
    most = max((value for value in values if value is not None), default=0.0)
    return [share_bar(value, most, sentence) for value, sentence in zip(values, sentences, strict=True)]


def share_bar(value: float | None, most: float, sentence: str) -> Markup:
    """A bar as long as the value's share of `most`."""
    share = 0.0 if not value or most <= 0 else min(1.0, max(0.0, value / most))
    return _bar(0, share * _WIDTH, sentence, "bar")


def time_bar(start: float, length: float, whole: float, sentence: str, css_class: str = "bar") -> Markup:
    """A bar from `start`, `length` long, in a trace that takes `whole`; a moment is drawn as a thin line."""
    whole = whole if whole > 0 else 1.0
    left = min(1.0, max(0.0, start / whole)) * _WIDTH
    return _bar(
        min(left, _WIDTH - 3), max(3.0, min(_WIDTH - left, length / whole * _WIDTH)), sentence, f"bar {css_class}"
    )


def _bar(left: float, width: float, sentence: str, class_: str) -> Markup:
    filled = element("rect", x=left, y=0, width=width, height=10, rx=2, class_="fill")
    return picture(_WIDTH, 10, sentence, filled, class_=class_, preserveAspectRatio="none")
