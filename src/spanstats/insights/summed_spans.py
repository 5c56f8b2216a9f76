"""Figures of spans by one of their texts from sums that columns keep: what each group cost, without reading spans."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..columnar.arms import Arm
from ..columnar.coding import Keys
from ..columnar.group_sums import GroupSums
from ..columnar.groups import Groups
from ..columnar.reader import Columns
from ..columnar.selection import Selection
from ..columnar.span_sums import SUMMED, SpanTotals, Value, added
from ..domain.keys import ExperimentKey
from .dimensions import OF_SPANS, Dimension
from .group_figures import GroupedFigures, MeasureSums
from .measures import ERROR, MeasureSpec
from .questions import Question
from .snapshot import Snapshot

_AGGREGATES = frozenset({"count", "missing", "sum", "mean"})


def are_kept(dimensions: Sequence[Dimension], question: Question, measures: Sequence[MeasureSpec]) -> bool:
    """Whether the sums answer the question: by one text of spans, of all traces, counts, sums and means."""
    if question.matching is not None or len(dimensions) != 1 or dimensions[0].name not in OF_SPANS:
        return False
    return all(
        spec.measure.column in (*SUMMED, ERROR) and not spec.percentiles and _AGGREGATES.issuperset(spec.aggregates)
        for spec in measures
    )


async def figures_of_spans(
    state: Snapshot,
    columns: Columns,
    experiment_key: ExperimentKey,
    question: Question,
    dimension: Dimension,
    measures: Sequence[MeasureSpec],
) -> GroupedFigures | None:
    """The figures of the spans of each group; `None` where these must be read one by one."""
    sums = await columns.span_sums(state.tx, Arm(experiment_key, question.window), OF_SPANS[dimension.name])
    return None if sums is None else _grouped(added(sums), measures)


def _grouped(by_value: Mapping[Value, SpanTotals], measures: Sequence[MeasureSpec]) -> GroupedFigures:
    names = [value for value in by_value if value is not None]
    code_of = {value: number for number, value in enumerate(names, start=1)}
    numbers = np.array([0 if value is None else code_of[value] for value in by_value], np.int64)
    every = list(by_value.values())
    spans = np.array([totals.spans for totals in every], np.int64)
    failed = np.array([totals.failed for totals in every], np.int64)
    groups = Groups(Selection([]), [], spans, [Keys(names, list)], [numbers])
    sums = [MeasureSums(spec, spans, _sums(spec, every), None, fill_scores=False) for spec in measures]
    return GroupedFigures(groups, failed, None, sums)


def _sums(spec: MeasureSpec, every: Sequence[SpanTotals]) -> GroupSums:
    name = spec.measure.column or ""
    if name == ERROR:
        counts, totals = [one.spans for one in every], [one.failed for one in every]
    else:
        counts, totals = ([getattr(one, of)[name] for one in every] for of in ("counts", "totals"))
    return GroupSums(np.array(counts, np.int64), np.array(totals, object))
