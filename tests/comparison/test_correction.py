"""Corrections, against statsmodels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.comparison.correction import CORRECTIONS

P_VALUES = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.05, 1.0])), min_size=1, max_size=30)


@given(P_VALUES, st.sampled_from([("holm", "holm"), ("bh", "fdr_bh")]))
def test_corrections(p_values: list[float], names: tuple[str, str]) -> None:
    ours, theirs = names
    # Half a second that other tests need not wait for.
    from statsmodels.stats.multitest import multipletests

    assert CORRECTIONS[ours](p_values) == pytest.approx(list(multipletests(p_values, method=theirs)[1]))


def test_none_corrects_nothing_and_nothing_needs_no_correction() -> None:
    assert CORRECTIONS["none"]([0.2, 0.1]) == [0.2, 0.1]
    assert [correct([]) for correct in CORRECTIONS.values()] == [[], [], []]
