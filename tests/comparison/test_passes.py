"""pass@k and pass^k, against all subsets of the trials."""

from collections import Counter
from fractions import Fraction
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from spanstats.comparison.passes import passes


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=4))
def test_passes_are_means_over_all_subsets(items: list[list[bool]]) -> None:
    means = passes(Counter((len(trials), sum(trials)) for trials in items))
    assert len(means) == max(map(len, items))
    for k, (at, every) in enumerate(means, 1):
        having = [list(combinations(trials, k)) for trials in items if len(trials) >= k]
        assert at == sum(Fraction(sum(map(any, subsets)), len(subsets)) for subsets in having) / len(having)
        assert every == sum(Fraction(sum(map(all, subsets)), len(subsets)) for subsets in having) / len(having)


def test_no_items_have_no_passes() -> None:
    assert passes({}) == []
