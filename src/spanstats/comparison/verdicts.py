"""What may be concluded from a test, in one word."""

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from .significance import Outcome


class Verdict(StrEnum):
    """ "Not significant" is never called equal: only a margin that was given can make two arms equivalent."""

    INSUFFICIENT = "insufficient"
    EQUIVALENT = "equivalent"
    BETTER = "better"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """`items_needed` is how many items would make the margin the smallest detectable difference."""

    verdict: Verdict
    significant: bool
    items_needed: int | None


def conclude(
    test: Outcome,
    difference: Fraction | None,
    p_adjusted: float | None,
    n: int,
    *,
    higher_is_better: bool,
    margin: Fraction | None,
    confidence: float,
    identical: bool = False,
) -> Conclusion:
    """The verdict on a measure of `n` items. `identical`: no item differs at all."""
    significant = p_adjusted is not None and p_adjusted <= 1 - confidence
    needed = _items_needed(test, n, margin)
    if difference is None or n < 2 or (test.p_value is None and test.narrow is None):
        return Conclusion(Verdict.INSUFFICIENT, False, needed)
    if margin is not None and (identical or _lies_within(test, margin)):
        return Conclusion(Verdict.EQUIVALENT, significant, needed)
    if significant and difference:
        rises_well = (difference > 0) == higher_is_better
        return Conclusion(Verdict.BETTER if rises_well else Verdict.WORSE, significant, needed)
    return Conclusion(Verdict.INCONCLUSIVE, significant, needed)


def _lies_within(test: Outcome, margin: Fraction) -> bool:
    """Two one-sided tests: the 1 - 2 alpha interval inside of the margin."""
    return test.narrow is not None and -margin <= test.narrow[0] and test.narrow[1] <= margin


def _items_needed(test: Outcome, n: int, margin: Fraction | None) -> int | None:
    if not margin or test.smallest is None:
        return None
    return math.ceil(n * (test.smallest / float(margin)) ** 2)
