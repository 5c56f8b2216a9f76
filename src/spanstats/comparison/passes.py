"""pass@k and pass^k: would any, or all, of k trials of an item be right.

The unbiased estimators over the k-subsets of an item's n trials, c of them right (as inspect_ai has them).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import comb
from typing import TypeAlias

MOST_K = 20

Trials: TypeAlias = Mapping[tuple[int, int], int]
"""How many items have n trials of which c are right, by (n, c)."""

Passes: TypeAlias = list[tuple[Fraction, Fraction]]
"""pass@k and pass^k, for k from 1."""


@dataclass(frozen=True, slots=True)
class PassesOfArms:
    """Of all items of each arm."""

    base: Passes
    candidate: Passes


def passes(trials: Trials) -> Passes:
    """For k from 1 the means of (1 - C(n-c,k)/C(n,k), C(c,k)/C(n,k)) over the items that have n >= k trials.

    It ends where no item has k trials, or at `MOST_K`.
    """
    means = []
    for k in range(1, MOST_K + 1):
        having = {item: times for item, times in trials.items() if item[0] >= k}
        if not having:
            break
        n = sum(having.values())
        at = sum(times * (1 - Fraction(comb(n - c, k), comb(n, k))) for (n, c), times in having.items())
        every = sum(times * Fraction(comb(c, k), comb(n, k)) for (n, c), times in having.items())
        means.append((Fraction(at) / n, Fraction(every) / n))
    return means
