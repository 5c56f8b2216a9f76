"""pass@k and pass^k: would any, or all, of k trials of an item be right.

The unbiased estimators over the k-subsets of an item's n trials, c of them right (as inspect_ai has them).
"""

from collections.abc import Iterable
from fractions import Fraction
from math import comb

MOST_K = 20


def passes(items: Iterable[tuple[int, int]]) -> list[tuple[Fraction, Fraction]]:
    """For k from 1 the means of (1 - C(n-c,k)/C(n,k), C(c,k)/C(n,k)) over the items (n trials, c right) with n >= k.

    It ends where no item has so many trials, or at `MOST_K`.
    """
    counted: dict[tuple[int, int], int] = {}
    for item in items:
        counted[item] = counted.get(item, 0) + 1
    found = []
    for k in range(1, MOST_K + 1):
        having = {item: times for item, times in counted.items() if item[0] >= k}
        if not having:
            break
        n = sum(having.values())
        at = sum(times * (1 - Fraction(comb(n - c, k), comb(n, k))) for (n, c), times in having.items())
        every = sum(times * Fraction(comb(c, k), comb(n, k)) for (n, c), times in having.items())
        found.append((Fraction(at) / n, Fraction(every) / n))
    return found
