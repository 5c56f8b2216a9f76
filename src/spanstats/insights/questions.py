"""What is asked of one experiment, whichever answer it is for."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..filters.predicate import Bound
from ..stats.sums import Window
from .measures import MeasureSpec

ALWAYS = Window()


@dataclass(frozen=True, slots=True)
class Question:
    """Which traces, and which measures of them; without measures the default ones and all scores that they have.

    `fill_scores` counts a trace without a score as 0; `intervals` wants one around each mean and percentile.
    `skips_preparing` wants no figures of an experiment whose sums are being prepared, instead of a long wait for them.
    """

    window: Window = ALWAYS
    matching: Bound | None = None
    measures: Sequence[MeasureSpec] | None = None
    fill_scores: bool = False
    intervals: bool = False
    skips_preparing: bool = False
