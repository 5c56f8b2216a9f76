"""Names beside points, where there is room for them: none overlaps another one or a point."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .svg import text

Named = tuple[str, float, float]
"""A name, and the coordinates of its point."""

_MOST_LETTERS, _LETTER, _LINE, _GAP = 18, 7.0, 14.0, 9.0
"""Letters of a name, and about how wide and high they are; how far a name is from its point."""


@dataclass(frozen=True, slots=True)
class _Box:
    left: float
    right: float
    top: float
    bottom: float

    def overlaps(self, other: "_Box") -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def names_beside(points: Sequence[Named], width: float) -> list[Markup]:
    """The names of the points, the first ones first, as far as they fit."""
    boxes = [_Box(x - 5, x + 5, y - 5, y + 5) for _, x, y in points]
    shown = []
    for name, x, y in points:
        short = name if len(name) <= _MOST_LETTERS else name[: _MOST_LETTERS - 1] + "…"
        for anchor, box in _sides(short, x, y):
            if box.left >= 0 and box.right <= width and not any(box.overlaps(other) for other in boxes):
                boxes.append(box)
                shown.append(text(box.left if anchor == "start" else box.right, y + 4, short, anchor=anchor))
                break
    return shown


def _sides(name: str, x: float, y: float) -> list[tuple[str, _Box]]:
    """To the right of the point, and to the left."""
    long, top, bottom = len(name) * _LETTER, y - _LINE / 2, y + _LINE / 2
    right = _Box(x + _GAP, x + _GAP + long, top, bottom)
    return [("start", right), ("end", _Box(x - _GAP - long, x - _GAP, top, bottom))]
