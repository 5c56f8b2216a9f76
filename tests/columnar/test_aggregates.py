"""Every aggregate of columns against plain Python, for all numbers that a column can hold."""

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.columnar import order
from spanstats.columnar.aggregate import sums, traces_with
from spanstats.columnar.chunk import Chunk, Column, Info, Numbers, Scores, Texts
from spanstats.columnar.dimensions import ByNumber, ByScore, ByText, Dimension
from spanstats.columnar.encode import numbers_of, texts_of
from spanstats.columnar.group_order import group_order_statistics
from spanstats.columnar.group_scores import group_score_counts
from spanstats.columnar.group_squares import group_squares
from spanstats.columnar.group_sums import group_extremes, group_sums
from spanstats.columnar.groups import group
from spanstats.columnar.histograms import counts_between, different_values, extremes
from spanstats.columnar.measures import Measure, NumberOf, ScoresOf, values
from spanstats.columnar.order import order_statistics
from spanstats.columnar.selection import ChunkView, Selection

whole = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3) | st.sampled_from([0, 2**32, 2**31 - 1, 10**15])
Trace = dict[str, Any]
traces = st.lists(
    st.fixed_dictionaries(
        {
            "cost_pd": st.none() | whole,
            "n_spans": st.integers(0, 300).map(lambda n: n * 7),
            "status": st.sampled_from([b'"error"', b'"success"']),
            "metadata.k": st.sampled_from([None, b'"a"', b"1", b"1.0", b"true", b'""']),
            "scores": st.lists(st.none() | st.sampled_from([0, 5 * 10**8, 10**9]) | whole, max_size=3),
            "selected": st.booleans(),
        }
    ),
    max_size=12,
)
COST, SPANS, JUDGED = NumberOf("cost_pd"), NumberOf("n_spans"), ScoresOf(frozenset({"judge", "unknown"}))


def numbers(values: list[int | None]) -> Numbers:
    return numbers_of(np.array([n or 0 for n in values], np.int64), np.array([n is not None for n in values], np.bool_))


def chunk_of(members: list[Trace]) -> Chunk:
    columns: dict[str, Column] = {name: numbers([t[name] for t in members]) for name in ("cost_pd", "n_spans")}
    columns |= {name: texts_of([t[name] for t in members]) for name in ("status", "metadata.k")}
    scored = [(row, score) for row, t in enumerate(members) for score in t["scores"]]
    rows = np.array([row for row, _ in scored], np.uint16)
    kinds = numbers([2 if score is None else 0 for _, score in scored])
    columns["scores.judge"] = Scores(numbers([score for _, score in scored]), kinds, rows)
    columns = {n: c for n, c in columns.items() if not isinstance(c, Texts) or c.values}
    return Chunk(Info(len(members), tuple(columns)), columns)


def selection_of(chunks: list[list[Trace]]) -> Selection:
    views = [ChunkView(chunk_of(members), np.array([t["selected"] for t in members], np.bool_)) for members in chunks]
    whole_ones = [ChunkView(view.chunk) if view.rows is not None and view.rows.all() else view for view in views]
    return Selection(whole_ones)


def measured(members: list[Trace], measure: Measure) -> list[int]:
    if measure is JUDGED:
        return [score for t in members for score in t["scores"] if score is not None]
    assert isinstance(measure, NumberOf)
    return [t[measure.column] for t in members if t[measure.column] is not None]


@given(st.lists(traces, max_size=3))
def test_sums_counts_extremes_and_squares_are_exact(chunks: list[list[Trace]]) -> None:
    selection = selection_of(chunks)
    selected = [t for members in chunks for t in members if t["selected"]]
    assert selection.n == len(selected)
    for measure in (COST, SPANS, JUDGED):
        actual, expected = sums(selection, measure, squares=True), measured(selected, measure)
        assert (actual.count, actual.total) == (len(expected), sum(expected))
        assert actual.squares == sum(v * v for v in expected)
        assert (actual.low, actual.high) == (min(expected, default=None), max(expected, default=None))
    assert traces_with(selection, COST) == sum(t["cost_pd"] is not None for t in selected)
    assert traces_with(selection, JUDGED) == sum(any(s is not None for s in t["scores"]) for t in selected)


@given(st.lists(traces, max_size=3))
def test_order_statistics_are_those_of_the_sorted_values(chunks: list[list[Trace]]) -> None:
    selection = selection_of(chunks)
    selected = [t for members in chunks for t in members if t["selected"]]
    for measure in (COST, SPANS, JUDGED):
        expected = dict(enumerate(sorted(measured(selected, measure))))
        assert order_statistics(values(selection, measure), range(len(expected))) == expected


@pytest.mark.parametrize("few", [10, 2**17])
@pytest.mark.parametrize("highest", [1, 300, 2**20, 2**40, 2**62])
@pytest.mark.parametrize("skew", [1, 6])
def test_order_statistics_of_many_values(few: int, highest: int, skew: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "_FEW", few)
    rng = np.random.default_rng(highest % 1_000)
    drawn = (rng.random(30_000) ** skew * highest).astype(np.int64) - highest // 3
    columns = [numbers_of(view) for view in np.split(drawn, [7, 20_000, 20_000])]
    ranks = [0, 1, 299, 15_000, 15_001, 29_998, 29_999]
    assert order_statistics(columns, ranks) == {rank: int(np.sort(drawn)[rank]) for rank in ranks}


@given(
    st.lists(traces, max_size=3),
    st.lists(st.fractions(-5, 5) | st.integers(-(2**64), 2**64), min_size=2, max_size=6, unique=True),
)
def test_each_value_is_in_one_bin(chunks: list[list[Trace]], edges: list[Fraction]) -> None:
    edges = sorted(edges)
    columns = [column for column in values(selection_of(chunks), COST) if len(column.codes)]
    drawn = [int(v) for column in columns for v in column.values()]
    counts = counts_between(columns, edges)
    inside = [int(sum(a <= int(v) < b for v in drawn)) for a, b in pairwise(edges)]
    inside[-1] += int(sum(int(v) == edges[-1] for v in drawn))
    assert counts.counts == inside
    assert counts.below == sum(int(v) < edges[0] for v in drawn)
    assert counts.above == sum(int(v) > edges[-1] for v in drawn)
    distinct = Counter(drawn)
    assert different_values(columns, 3) == (sorted(distinct.items()) if len(distinct) <= 3 else None)
    ends = [end for column in columns if (end := extremes(column)) is not None]
    assert not drawn or [min(low for low, _ in ends), max(high for _, high in ends)] == [min(drawn), max(drawn)]
    above = [v for v in drawn if v > 0]
    of_above = [end for column in columns if (end := extremes(column, positive=True)) is not None]
    assert {e for end in of_above for e in end} >= ({min(above), max(above)} if above else set())
    assert all(e > 0 for end in of_above for e in end)


@given(st.lists(traces, max_size=3))
def test_groups_add_up_to_what_plain_python_adds_up(chunks: list[list[Trace]]) -> None:
    selection = selection_of(chunks)
    selected = [t for members in chunks for t in members if t["selected"]]
    by: list[Dimension] = [ByText("metadata.k"), ByText("status"), ByNumber("n_spans"), ByScore("judge")]
    keys_of: list[Callable[[Trace], object]] = [
        lambda t: {None: None, b'"a"': "a", b"1": 1, b"1.0": 1, b"true": True, b'""': ""}[t["metadata.k"]],
        lambda t: t["status"].decode().strip('"'),
        lambda t: t["n_spans"],
        lambda t: next((s for s in t["scores"] if s is not None), None),
    ]
    for dimensions in ([], [0], [1], [2], [3], [0, 1], [3, 2]):
        groups = group(selection, [by[d] for d in dimensions])
        # 1 and true are different keys of JSON and equal in Python; 1 and 1.0 are one key.
        expected: dict[tuple[str, ...], list[Trace]] = {}
        for t in selected:
            expected.setdefault(tuple(repr(keys_of[d](t)) for d in dimensions), []).append(t)
        keys = list(zip(*groups.keys_of(range(len(groups))), strict=True)) if dimensions else [()] * len(groups)
        names = [tuple(map(repr, key)) for key in keys]
        assert dict(zip(names, groups.counts.tolist(), strict=True)) == {k: len(m) for k, m in expected.items()}
        for measure in (COST, SPANS, JUDGED):
            added, ends = group_sums(groups, measure), group_extremes(groups, measure)
            drawn = [sorted(measured(expected[name], measure)) for name in names]
            ranks = [range(len(of_group)) for of_group in drawn]
            ordered = group_order_statistics(groups, measure, range(len(groups)), ranks, [0] * len(groups))
            assert ordered == [dict(enumerate(of_group)) for of_group in drawn]
            assert added.counts.tolist() == [len(of_group) for of_group in drawn]
            assert added.totals.tolist() == [sum(of_group) for of_group in drawn]
            assert group_squares(groups, measure) == [sum(v * v for v in of_group) for of_group in drawn]
            assert ends == [(of_group[0], of_group[-1]) if of_group else None for of_group in drawn]
        scored = group_score_counts(groups, JUDGED.keys)
        of_groups = [expected[name] for name in names]
        assert scored.traces.tolist() == [sum(any(s is not None for s in t["scores"]) for t in g) for g in of_groups]
        assert scored.texts.tolist() == [sum(t["scores"].count(None) for t in g) for g in of_groups]
