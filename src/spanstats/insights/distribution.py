"""How the values of a measure are distributed: counts by bin, for several arms over the same edges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from ..columnar.aggregate import traces_with
from ..columnar.chunk import Numbers
from ..columnar.histograms import counts_between, different_values, extremes
from ..columnar.measures import values
from ..columnar.reader import Columns
from ..columnar.selection import Selection
from ..domain.keys import TenantId
from ..stats.evaluators import Evaluator, evaluators_of
from ..store.session import Database
from .edges import LOG, Binning, edges_of
from .group_figures import column_measure
from .measures import Measure, MeasureSpec
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
    spec: MeasureSpec,
    binning: Binning,
) -> Distribution:
    """The histogram of the measure over all arms, of one snapshot. Raises `NotFound`, `Unavailable`."""
    async with snapshot(database, tenant_id) as state:
        experiments, selections = [], []
        for arm in arms:
            experiment = await state.experiment(arm.experiment_id)
            experiments.append(experiment)
            selections.append(await select(state, columns, experiment.key, arm.question))
        evaluators = await evaluators_of(state.tx, tenant_id, sorted(spec.measure.keys))
    histogram = await columns.run(lambda: histogram_of(selections, spec, binning))
    return Distribution(state.as_of, experiments, histogram, evaluators)


def histogram_of(selections: Sequence[Selection], spec: MeasureSpec, binning: Binning) -> Histogram:
    """The histogram of the selected traces."""
    measure = spec.measure
    every = [_values(selection, measure) for selection in selections]
    edges = edges_of(binning, *_ends(every, measure, positive=binning.scale == LOG))
    arms = [_counts(columns, selection, spec, edges) for columns, selection in zip(every, selections, strict=True)]
    return Histogram(edges, arms, _different(every, measure))


def _values(selection: Selection, measure: Measure) -> list[Numbers]:
    """The columns that have values; every row of them has one."""
    return [column for column in values(selection, column_measure(measure)) if len(column.codes)]


def _counts(columns: Sequence[Numbers], selection: Selection, spec: MeasureSpec, edges: Sequence[Decimal]) -> Counts:
    n = sum(len(column.codes) for column in columns)
    missing = selection.n - traces_with(selection, column_measure(spec.measure))
    if not edges:
        return Counts([], n, 0, n, missing)
    between = counts_between(columns, [Fraction(edge) * spec.measure.per_unit for edge in edges])
    return Counts(between.counts, between.below, between.above, n, missing)


def _ends(
    every: Sequence[Sequence[Numbers]], measure: Measure, *, positive: bool
) -> tuple[Decimal | None, Decimal | None]:
    """The lowest and the highest value of all arms, of those above 0 if only these have a bin."""
    ends = [end for columns in every for column in columns if (end := extremes(column, positive=positive)) is not None]
    if not ends:
        return None, None
    return in_decimal(min(low for low, _ in ends), measure), in_decimal(max(high for _, high in ends), measure)


def _different(every: Sequence[Sequence[Numbers]], measure: Measure) -> Sequence[tuple[Decimal, Sequence[int]]] | None:
    by_arm: list[dict[int, int]] = []
    for columns in every:
        different = different_values(columns, MAX_VALUES)
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
