"""Figures of spans by their model from sums that columns keep: what it cost, without reading any span."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..columnar.arms import Arm
from ..columnar.coding import Keys
from ..columnar.group_sums import GroupSums
from ..columnar.groups import Groups
from ..columnar.reader import Columns
from ..columnar.selection import Selection
from ..columnar.span_sums import SUMMED, Model, OfModel, added
from ..domain.keys import ExperimentKey
from .dimensions import MODEL, Dimension
from .grouped import GroupedFigures, MeasureSums
from .measures import ERROR, MeasureSpec
from .questions import Question
from .snapshot import Snapshot

_AGGREGATES = frozenset({"count", "missing", "sum", "mean"})


def are_kept(dimensions: Sequence[Dimension], question: Question, measures: Sequence[MeasureSpec]) -> bool:
    """Whether the sums answer the question: by model alone, of all traces, counts, sums and means."""
    if question.matching is not None or [one.name for one in dimensions] != [MODEL]:
        return False
    return all(
        spec.measure.column in (*SUMMED, ERROR) and not spec.percentiles and _AGGREGATES.issuperset(spec.aggregates)
        for spec in measures
    )


async def figures_by_model(
    state: Snapshot,
    columns: Columns,
    experiment_key: ExperimentKey,
    question: Question,
    measures: Sequence[MeasureSpec],
) -> GroupedFigures | None:
    """The figures of the spans of each model; `None` where these must be read one by one."""
    sums = await columns.span_sums(state.tx, Arm(experiment_key, question.window))
    return None if sums is None else _grouped(added(sums), measures)


def _grouped(by_model: Mapping[Model, OfModel], measures: Sequence[MeasureSpec]) -> GroupedFigures:
    names = [model for model in by_model if model is not None]
    code_of = {model: number for number, model in enumerate(names, start=1)}
    numbers = np.array([0 if model is None else code_of[model] for model in by_model], np.int64)
    every = list(by_model.values())
    spans = np.array([of_model.spans for of_model in every], np.int64)
    failed = np.array([of_model.failed for of_model in every], np.int64)
    groups = Groups(Selection([]), [], spans, [Keys(names, list)], [numbers])
    sums = [MeasureSums(spec, spans, _sums(spec, every), None, fill_scores=False) for spec in measures]
    return GroupedFigures(groups, failed, None, sums)


def _sums(spec: MeasureSpec, every: Sequence[OfModel]) -> GroupSums:
    name = spec.measure.column or ""
    if name == ERROR:
        counts, totals = [of_model.spans for of_model in every], [of_model.failed for of_model in every]
    else:
        counts, totals = ([getattr(of_model, of)[name] for of_model in every] for of in ("counts", "totals"))
    return GroupSums(np.array(counts, np.int64), np.array(totals, object))
