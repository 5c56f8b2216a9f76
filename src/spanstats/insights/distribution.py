"""How the values of a measure are distributed: counts by bin, for several arms over the same edges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..columnar.groups import group
from ..columnar.histograms import counts_between, different_values
from ..columnar.percentiles import values
from ..columnar.reader import Columns
from ..columnar.selection import Selection
from ..domain.keys import TenantId
from ..stats.summary import Evaluator, evaluators_of
from ..store.session import Database
from .edges import LOG, Binning, edges_of
from .grouped import column_measure, grouped
from .measures import Asked, Measure
from .questions import Question
from .selecting import select
from .snapshot import Experiment, snapshot

MAX_ARMS = 9
MAX_VALUES = 32
"""Different values that are listed one by one, beside the bins."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Traces of an experiment, and what their values are."""

    experiment_id: str
    question: Question


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one arm: values by bin, below the first edge and above the last; all of them, and traces without one."""

    counts: Sequence[int]
    below: int
    above: int
    count: int
    missing: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """The edges in the unit of the measure, the counts of each arm, and where few values differ each of these with its
    counts by arm."""

    edges: Sequence[Decimal]
    arms: Sequence[Counts]
    values: Sequence[tuple[Decimal, Sequence[int]]] | None


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram of experiments at a time, and what evaluators are called, by key."""

    as_of: int
    experiments: Sequence[Experiment]
    histogram: Histogram
    evaluators: Mapping[str, Evaluator]


async def distribution(
    database: Database,
    columns: Columns,
    tenant_id: TenantId,
    arms: Sequence[Arm],
    asked: Asked,
    binning: Binning,
) -> Distribution:
    """The histogram of the measure over all arms, of one snapshot. Raises `NotFound`, `Unavailable`."""
    async with snapshot(database, tenant_id) as state:
        experiments, selections = [], []
        for arm in arms:
            experiment = await state.experiment(arm.experiment_id)
            experiments.append(experiment)
            selections.append(await select(state, columns, experiment.key, arm.question))
        evaluators = await evaluators_of(state.tx, tenant_id, sorted(asked.measure.keys))
    made = await columns.run(lambda: histogram_of(selections, asked, binning))
    return Distribution(state.as_of, experiments, made, evaluators)


def histogram_of(selections: Sequence[Selection], asked: Asked, binning: Binning) -> Histogram:
    """The histogram of the selected traces."""
    measure = asked.measure
    every = [values(selection, column_measure(measure)) for selection in selections]
    edges = edges_of(binning, *_ends(every, measure, positive=binning.scale == LOG))
    arms = [_counts(found, selection, asked, edges) for found, selection in zip(every, selections, strict=True)]
    return Histogram(edges, arms, _different(every, measure))


def _counts(found: NDArray[np.int64], selection: Selection, asked: Asked, edges: Sequence[Decimal]) -> Counts:
    missing = _missing(selection, asked)
    if not edges:
        return Counts([], len(found), 0, len(found), missing)
    between = counts_between(found, [Fraction(edge) * asked.measure.per_unit for edge in edges])
    return Counts(between.counts, between.below, between.above, len(found), missing)


def _missing(selection: Selection, asked: Asked) -> int:
    whole = grouped(group(selection, []), [asked])
    return whole.totals(0).figures[0][1].missing if len(whole.groups) else 0


def _ends(
    every: Sequence[NDArray[np.int64]], measure: Measure, *, positive: bool
) -> tuple[Decimal | None, Decimal | None]:
    """The lowest and the highest value of all arms, of those above 0 if only these have a place."""
    known = [found[found > 0] if positive else found for found in every]
    known = [found for found in known if len(found)]
    if not known:
        return None, None
    return in_decimal(min(int(f.min()) for f in known), measure), in_decimal(max(int(f.max()) for f in known), measure)


def _different(every: Sequence[NDArray[np.int64]], measure: Measure) -> Sequence[tuple[Decimal, Sequence[int]]] | None:
    by_arm: list[dict[int, int]] = []
    for found in every:
        different = different_values(found, MAX_VALUES)
        if different is None:
            return None
        by_arm.append(dict(different))
    together = sorted({value for of_arm in by_arm for value in of_arm})
    if len(together) > MAX_VALUES:
        return None
    return [(in_decimal(value, measure), [of_arm.get(value, 0) for of_arm in by_arm]) for value in together]


def in_decimal(whole: int, measure: Measure) -> Decimal:
    """A whole number of stored units in the unit of the measure, exactly: units are powers of ten."""
    digits = len(str(measure.per_unit)) - 1
    return Decimal(f"{whole}E-{digits}") + 0
