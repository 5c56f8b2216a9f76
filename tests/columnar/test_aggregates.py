"""Every aggregate of columns against plain Python, for all numbers that a column can hold."""

import statistics
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spanstats.columnar.aggregate import sums, traces_with
from spanstats.columnar.dimensions import ByNumber, ByScore, ByText, Dimension
from spanstats.columnar.encode import numbers_of, texts_of
from spanstats.columnar.format import Chunk, Column, Info, Numbers, Scores, Texts
from spanstats.columnar.groups import group, group_extremes, group_percentiles, group_sums
from spanstats.columnar.histograms import counts_between, different_values
from spanstats.columnar.measures import Measure, NumberOf, ScoresOf
from spanstats.columnar.percentiles import percentiles, values
from spanstats.columnar.selection import Part, Selection

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
SHARES = [Fraction(0), Fraction(1, 2), Fraction(95, 100), Fraction(999, 1000), Fraction(1)]


def numbers(found: list[int | None]) -> Numbers:
    return numbers_of(np.array([n or 0 for n in found], np.int64), np.array([n is not None for n in found], np.bool_))


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
    parts = [Part(chunk_of(members), np.array([t["selected"] for t in members], np.bool_)) for members in chunks]
    whole_ones = [Part(part.chunk) if part.rows is not None and part.rows.all() else part for part in parts]
    return Selection(whole_ones)


def measured(members: list[Trace], measure: Measure) -> list[int]:
    if measure is JUDGED:
        return [score for t in members for score in t["scores"] if score is not None]
    assert isinstance(measure, NumberOf)
    return [t[measure.column] for t in members if t[measure.column] is not None]


def quantile(ordered: list[int], share: Fraction) -> Fraction:
    position = (len(ordered) - 1) * share
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


@given(st.lists(traces, max_size=3))
def test_sums_counts_extremes_and_squares_are_exact(chunks: list[list[Trace]]) -> None:
    selection = selection_of(chunks)
    selected = [t for members in chunks for t in members if t["selected"]]
    assert selection.n == len(selected)
    for measure in (COST, SPANS, JUDGED):
        found, expected = sums(selection, measure, squares=True), measured(selected, measure)
        assert (found.count, found.total) == (len(expected), sum(expected))
        assert found.squares == sum(v * v for v in expected)
        assert (found.low, found.high) == (min(expected, default=None), max(expected, default=None))
    assert traces_with(selection, COST) == sum(t["cost_pd"] is not None for t in selected)
    assert traces_with(selection, JUDGED) == sum(any(s is not None for s in t["scores"]) for t in selected)


@given(st.lists(traces, max_size=3))
def test_percentiles_are_those_of_the_sorted_values(chunks: list[list[Trace]]) -> None:
    selection = selection_of(chunks)
    selected = [t for members in chunks for t in members if t["selected"]]
    for measure in (COST, SPANS, JUDGED):
        expected = sorted(measured(selected, measure))
        found = percentiles(values(selection, measure), SHARES)
        assert found == [quantile(expected, share) if expected else None for share in SHARES]


def test_percentiles_are_those_of_numpy_and_of_the_standard_library() -> None:
    rng = np.random.default_rng(5)
    for n in (2, 3, 10, 1_001):
        drawn = rng.lognormal(10, 2, n).astype(np.int64)
        found = percentiles(drawn.copy(), [Fraction(p, 100) for p in range(1, 100)])
        assert np.allclose([float(f or 0) for f in found], np.quantile(drawn, np.arange(1, 100) / 100))
        assert np.allclose(
            [float(f or 0) for f in found], statistics.quantiles(drawn.tolist(), n=100, method="inclusive")
        )


@given(
    st.lists(traces, max_size=3),
    st.lists(st.fractions(-5, 5) | st.integers(-(2**64), 2**64), min_size=2, max_size=6, unique=True),
)
def test_each_value_is_in_one_bin(chunks: list[list[Trace]], edges: list[Fraction]) -> None:
    edges = sorted(edges)
    drawn = values(selection_of(chunks), COST)
    found = counts_between(drawn, edges)
    inside = [int(sum(a <= int(v) < b for v in drawn)) for a, b in pairwise(edges)]
    inside[-1] += int(sum(int(v) == edges[-1] for v in drawn))
    assert found.counts == inside
    assert found.below == sum(int(v) < edges[0] for v in drawn)
    assert found.above == sum(int(v) > edges[-1] for v in drawn)
    distinct = Counter(drawn.tolist())
    assert different_values(drawn, 3) == (sorted(distinct.items()) if len(distinct) <= 3 else None)


@given(st.lists(traces, max_size=3))
def test_groups_add_up_to_what_plain_python_adds_up(chunks: list[list[Trace]]) -> None:
    selection = selection_of(chunks)
    selected = [t for members in chunks for t in members if t["selected"]]
    by: list[Dimension] = [ByText("metadata.k"), ByText("status"), ByNumber("n_spans"), ByScore("judge")]
    keys_of: list[Callable[[Trace], object]] = [
        lambda t: {None: None, b'"a"': "a", b"1": 1, b"1.0": 1.0, b"true": True, b'""': ""}[t["metadata.k"]],
        lambda t: t["status"].decode().strip('"'),
        lambda t: t["n_spans"],
        lambda t: next((s for s in t["scores"] if s is not None), None),
    ]
    for dimensions in ([], [0], [1], [2], [3], [0, 1], [3, 2]):
        found = group(selection, [by[d] for d in dimensions])
        # 1, 1.0 and true are different keys of JSON and equal in Python.
        expected: dict[tuple[str, ...], list[Trace]] = {}
        for t in selected:
            expected.setdefault(tuple(repr(keys_of[d](t)) for d in dimensions), []).append(t)
        names = [tuple(map(repr, key)) for key in found.keys]
        assert dict(zip(names, found.counts.tolist(), strict=True)) == {k: len(m) for k, m in expected.items()}
        for measure in (COST, SPANS, JUDGED):
            added = group_sums(found, measure)
            ends, of_groups = (
                group_extremes(found, measure),
                group_percentiles(found, measure, SHARES, range(len(found))),
            )
            for g, name in enumerate(names):
                drawn = sorted(measured(expected[name], measure))
                assert (added.counts[g], added.totals[g]) == (len(drawn), sum(drawn))
                assert ends[g] == ((drawn[0], drawn[-1]) if drawn else None)
                assert of_groups[g] == [quantile(drawn, share) if drawn else None for share in SHARES]
