"""Which experiments of a list no other one beats in both quality and cost, as Vilfredo Pareto compared."""

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TypeAlias

from .figures import Figures
from .from_rollups import FigureSet
from .measures import SCORES, MeasureSpec

Mean: TypeAlias = Fraction | None
Point: TypeAlias = tuple[Mean, Mean]
"""Mean cost, of which less is better, and mean score, of which more is better."""

_COST = "cost"


def unbeaten_by_score(measured: Iterable[FigureSet]) -> list[dict[str, bool | None]]:
    """Of each experiment by the name of each score whether no other one beats it; `None` without both means."""
    means = [{spec.measure.name: _mean(spec, figures) for spec, figures in one.figures} for one in measured]
    names = dict.fromkeys(name for one in means for name in one if name.startswith(SCORES))
    by_name = {name: unbeaten([(one.get(_COST), one.get(name)) for one in means]) for name in names}
    return [{name: are_unbeaten[i] for name, are_unbeaten in by_name.items()} for i in range(len(means))]


def unbeaten(points: Sequence[Point]) -> list[bool | None]:
    """Whether no other point costs at most as much and scores at least as well, one of both being better.

    Equal points do not beat each other. `None` for a point of which not both is known.
    """
    by_cost = sorted({(cost, -score) for cost, score in points if cost is not None and score is not None})
    best, highest = set[Point](), None
    for cost, lost in by_cost:
        if highest is None or -lost > highest:
            highest = -lost
            best.add((cost, highest))
    return [None if None in point else point in best for point in points]


def experiments_by_score(measured: Iterable[FigureSet]) -> list[tuple[str, int]]:
    """The scores that have numbers, and how many experiments have some: the most frequent first, then by name."""
    scored = (spec.measure.name for one in measured for spec, f in one.figures if spec.measure.is_score and f.count)
    return sorted(Counter(scored).items(), key=lambda name_and_count: (-name_and_count[1], name_and_count[0]))


def _mean(spec: MeasureSpec, figures: Figures) -> Mean:
    """The exact mean, where it is asked for: sums may not be known otherwise."""
    if "mean" not in spec.aggregates or not figures.count:
        return None
    return Fraction(figures.total, figures.count * spec.measure.per_unit)
