"""How the values of one or two arms are spread: bins side by side on shared edges, or one bar for each value."""

import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from ..figures import compact, measured, tick, whole
from .svg import Scale, both_widths, element, line, picture, text, title

_HEIGHT, _LEFT, _RIGHT, _BOTTOM, _TOP = 180.0, 44.0, 8.0, 22.0, 10.0
_TICKS = 4
_WIDEST = 90.0
"""Of a bar of one value."""
_LETTER = 6.5
"""The width of a letter, about."""


def distribution(edges: Sequence[float], arms: Sequence[Sequence[int]], unit: str | None, sentence: str) -> Markup:
    """A histogram: `arms` holds the counts of each arm in the bins between the edges."""

    def draw(width: int, class_: str) -> Markup:
        bins = len(edges) - 1
        x = Scale(0, max(1, bins), _LEFT, width - _RIGHT)
        labels = [(x(i), tick(edges[i], unit)) for i in _labelled(bins, 4 if width > 400 else 2)]
        names = [f"{measured(a, unit)} to {measured(b, unit)}" for a, b in pairwise(edges)]
        return _drawn(width, class_, x, arms, names, labels, sentence)

    return both_widths(draw)


def value_counts(values: Sequence[str], arms: Sequence[Sequence[int]], sentence: str) -> Markup:
    """A bar for each of a few different values of each arm, as on a scale of 1 to 5."""

    def draw(width: int, class_: str) -> Markup:
        x = Scale(0, max(1, len(values)), _LEFT, min(width - _RIGHT, _LEFT + _WIDEST * max(1, len(values))))
        each = max((len(v) for v in values), default=1) * _LETTER + 8
        step = max(1, math.ceil(each * len(values) / (x.end - x.start)))
        labels = [(x(i + 0.5), v) for i, v in enumerate(values) if i % step == 0]
        return _drawn(width, class_, x, arms, values, labels, sentence)

    return both_widths(draw)


def counts_over_time(points: Sequence[tuple[str, int]], sentence: str) -> Markup:
    """A bar for each bucket of time; the first and the last are labelled."""
    names, counts = [name for name, _ in points], [n for _, n in points]

    def draw(width: int, class_: str) -> Markup:
        x = Scale(0, max(1, len(points)), _LEFT, width - _RIGHT)
        ends = [(_LEFT, names[0]), (width - _RIGHT, names[-1])]
        return _drawn(width, class_, x, [counts], names, ends, sentence)

    return both_widths(draw)


def _drawn(
    width: int,
    class_: str,
    x: Scale,
    arms: Sequence[Sequence[int]],
    names: Sequence[str],
    labels: Sequence[tuple[float, str]],
    sentence: str,
) -> Markup:
    floor = _HEIGHT - _BOTTOM
    y = Scale(0, max((n for counts in arms for n in counts), default=0) or 1, floor, _TOP).widened(_TICKS)
    parts = _counts(y, x.end)
    for arm, counts in enumerate(arms):
        share = 1 / len(arms)
        for i, n in enumerate(counts):
            if n:
                left, right = x(i + arm * share), x(i + (arm + 1) * share)
                gap = 1.0 if right - left > 3 else 0.2
                bar = {"x": left + gap / 2, "y": y(n), "width": right - left - gap, "height": floor - y(n)}
                parts.append(element("rect", title(f"{names[i]}: {whole(n)}"), class_=_arm_class(arm, arms), **bar))
    parts += [_label(at, label, width) for at, label in labels]
    return picture(width, _HEIGHT, sentence, *parts, class_=class_)


def _counts(y: Scale, end: float) -> list[Markup]:
    """The axis, with lines at a few whole counts."""
    parts = [line(_LEFT, y.start, end, y.start, "axis")]
    for count in (t for t in y.ticks(_TICKS) if t > 0 and float(t).is_integer()):
        parts += [line(_LEFT, y(count), end, y(count), "grid")]
        parts.append(text(_LEFT - 6, y(count) + 4, compact(count), anchor="end"))
    return parts


def _label(at: float, label: str, width: float) -> Markup:
    half = len(label) * _LETTER / 2
    anchor = "start" if at <= _LEFT else "end" if at + half > width else "middle"
    return text(at, _HEIGHT - 6, label, anchor=anchor)


def _arm_class(arm: int, arms: Sequence[object]) -> str:
    """One arm alone has the colour of a candidate: grey is for a base."""
    return f"arm{arm}" if len(arms) > 1 else "arm1"


def _labelled(bins: int, most: int) -> list[int]:
    step = max(1, -(-bins // most))
    return [*range(0, bins - step // 2, step), bins] if bins else [0]
