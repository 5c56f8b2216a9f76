"""Figures by buckets of time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ..columnar.dimensions import ByStart
from ..columnar.groups import group
from ..columnar.reader import Columns
from ..columnar.selection import Selection
from ..domain.keys import TenantId
from ..domain.times import MAX_TIME_US
from ..errors import invalid
from ..stats.evaluators import Evaluator, evaluators_of
from ..stats.rolled_up_many import rolled_up_by_bucket
from ..stats.rollups import MINUTE
from ..stats.sums import Sums, Window
from ..store.session import Database
from .from_rollups import FigureSet, are_rolled_up, default_measures, figures_in_rollups, hold_all
from .granularity import Buckets, buckets
from .group_figures import completed, figures_by_group
from .measures import MeasureSpec
from .questions import Question
from .selecting import measures_in, needs_of_groups, select
from .snapshot import Experiment, Snapshot, snapshot

MAX_POINTS_OF_PERCENTILES = 200

# By the index on start, from either end.
_EXTENT = """
SELECT (SELECT start_time FROM traces WHERE experiment_key = $1 AND start_time >= $2 AND start_time < $3
        ORDER BY start_time LIMIT 1) AS first,
    (SELECT start_time FROM traces WHERE experiment_key = $1 AND start_time >= $2 AND start_time < $3
        ORDER BY start_time DESC LIMIT 1) AS last
"""


@dataclass(frozen=True, slots=True)
class Series:
    """The figures of each bucket that has traces, by its number; where the window cuts the first and the last one."""

    experiment: Experiment
    as_of: int
    buckets: Buckets
    window: Window
    time_zone: str
    measures: Sequence[MeasureSpec]
    points: Mapping[int, FigureSet]
    evaluators: Mapping[str, Evaluator]

    def is_partial(self, number: int) -> bool:
        """Whether the bucket reaches beyond the window or beyond the present."""
        start, end = self.buckets.edges[number : number + 2]
        starts_before = self.window.start_us is not None and start < self.window.start_us
        ends_after = self.window.end_us is not None and end > self.window.end_us
        return starts_before or ends_after or end > self.as_of


@dataclass(frozen=True, slots=True)
class Axis:
    """How the buckets of a series are wanted: a granularity or `auto`, in a time zone."""

    granularity: str
    zone: ZoneInfo


async def series(
    database: Database,
    columns: Columns,
    tenant_id: TenantId,
    experiment_id: str,
    question: Question,
    axis: Axis,
) -> Series:
    """The figures by bucket of the trace's start, all of one snapshot.

    The buckets reach from the start of the window to its end, where it names them, else from the first trace to the
    last one, for any filter: two filters of one experiment have the same buckets. Raises `InvalidInput` for too
    many of them, `NotFound`, `Unavailable`.
    """
    async with snapshot(database, tenant_id) as state:
        experiment = await state.experiment(experiment_id)
        all_buckets = await _buckets(state, experiment, question.window, axis)
        _check_points(question, all_buckets)
        points = await points_of(state, columns, experiment, question, all_buckets)
        measures = _measures(points, question)
        evaluators = await evaluators_of(state.tx, tenant_id, sorted({key for a in measures for key in a.measure.keys}))
    return Series(experiment, state.as_of, all_buckets, question.window, axis.zone.key, measures, points, evaluators)


def _measures(points: Mapping[int, FigureSet], question: Question) -> Sequence[MeasureSpec]:
    """The measures that are named, else all that any point has."""
    if question.measures is not None:
        return question.measures
    every = [spec for point in points.values() for spec, _ in point.figures]
    return list({spec.measure.name: spec for spec in [*default_measures(()), *every]}.values())


async def _buckets(state: Snapshot, experiment: Experiment, window: Window, axis: Axis) -> Buckets:
    """None where it is not known when the series begins or ends."""
    extent = await state.tx.driver.fetchrow(_EXTENT, experiment.key, *_within_years(window))
    first = extent["first"] if window.start_us is None else window.start_us
    last = extent["last"] if window.end_us is None else window.end_us - 1
    if first is None or last is None or last < first or first > MAX_TIME_US or last < 0:
        return Buckets(axis.granularity, ())
    return buckets(axis.granularity, axis.zone, max(0, first), min(MAX_TIME_US, last))


def _within_years(window: Window) -> tuple[int, int]:
    start = 0 if window.start_us is None else window.start_us
    return start, MAX_TIME_US + 1 if window.end_us is None else window.end_us


def _check_points(question: Question, all_buckets: Buckets) -> None:
    has_percentiles = any(spec.percentiles for spec in question.measures or ())
    if has_percentiles and len(all_buckets) > MAX_POINTS_OF_PERCENTILES:
        message = f"percentiles are answered for at most {MAX_POINTS_OF_PERCENTILES} points: use a coarser granularity"
        raise invalid(message, "granularity", code="too_many_points")


async def points_of(
    state: Snapshot, columns: Columns, experiment: Experiment, question: Question, all_buckets: Buckets
) -> Mapping[int, FigureSet]:
    """The figures of each bucket that has traces, by its number."""
    if not len(all_buckets):
        return {}
    is_rolled_up = question.matching is None and are_rolled_up(question.measures)
    if is_rolled_up and all(edge % MINUTE.length_us == 0 for edge in all_buckets.edges):
        window = Window(*_within_years(question.window))
        sums_by_bucket = await rolled_up_by_bucket(state.tx.driver, experiment.key, window, all_buckets.edges)
        if sums_by_bucket is not None and all(hold_all(sums, question.measures) for sums in sums_by_bucket.values()):
            return await asyncio.to_thread(_rolled_points, sums_by_bucket, question)
    by_start = ByStart(all_buckets.edges)
    selection = await select(state, columns, experiment.key, question, needs_of_groups([by_start]))
    return await columns.run(lambda: _selected_points(selection, question, by_start))


def _rolled_points(sums_by_bucket: Mapping[int, Sums], question: Question) -> Mapping[int, FigureSet]:
    fill = question.fill_scores
    return {
        number: figures_in_rollups(sums, question.measures, fill_scores=fill) for number, sums in sums_by_bucket.items()
    }


def _selected_points(selection: Selection, question: Question, by_start: ByStart) -> Mapping[int, FigureSet]:
    groups = group(selection, [by_start])
    figures = figures_by_group(groups, measures_in(selection, question.measures), fill_scores=question.fill_scores)
    index: dict[object, int] = {start: index for index, start in enumerate(by_start.edges)}
    (keys,) = groups.keys_of(range(len(groups)))
    starts = dict(enumerate(keys))
    numbers = [number for number, start in starts.items() if start in index]
    points = completed(figures, numbers)
    return {index[starts[number]]: point for number, point in zip(numbers, points, strict=True)}
