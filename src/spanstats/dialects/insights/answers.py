"""What the own interface answers: objects with figures by measure, and the cells of tables of the same."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ...domain.times import iso
from ...insights.figures import Figures, OfScores, answer
from ...insights.from_rollups import FigureSet
from ...insights.measures import MeasureSpec
from ...insights.percentiles import METHOD
from ...insights.preparing import Preparing
from ...insights.questions import Question
from ...insights.snapshot import Experiment
from ...stats.evaluators import Evaluator
from .schema import TOTALS

Json: TypeAlias = dict[str, Any]
Evaluators: TypeAlias = Mapping[str, Evaluator]

# Of the calendar that ISO 8601 knows here: years 1 to 9999.
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999


def experiment_object(experiment: Experiment) -> Json:
    """An experiment as every answer describes it."""
    return {
        "id": experiment.id,
        "name": experiment.name,
        "run_name": experiment.run_name,
        "project_id": experiment.project_id,
        "project": experiment.project,
        "status": experiment.status,
        "metadata": experiment.metadata or {},
        "created_at": iso(experiment.created_at),
        "started_at": _time(experiment.started_at),
        "finished_at": _time(experiment.finished_at),
        "baseline": experiment.baseline,
    }


def measured_object(measured: FigureSet, question: Question, evaluators: Evaluators) -> Json:
    """How many traces, how many of them failed, and each measure with its figures; if asked, what the caches lack."""
    specs = {one.measure.name: one for one, _ in measured.figures}
    return {
        **totals_object(measured),
        **(_preparing(measured.preparing) if question.skips_preparing else {}),
        "measures": {
            name: describe_measure(specs[name], evaluators) | figures
            for name, figures in figures_of(measured, question)
        },
    }


def _preparing(preparing: Preparing | None) -> Json:
    minutes = None if preparing is None else {"sum_minutes": preparing.sums, "column_minutes": preparing.columns}
    return {"preparing": minutes}


def totals_object(measured: FigureSet) -> Json:
    """How many traces; how many of them failed, have a cost that is too low, no root, or no key of an item. Nulls where
    the figures are being prepared."""
    if measured.preparing is not None and measured.preparing.lacks_sums:
        return dict.fromkeys(TOTALS)
    return {
        "traces": measured.traces,
        "failed": measured.failed,
        "cost_partial_count": measured.cost_partial,
        "without_root": measured.without_root,
        "without_key": measured.without_key,
    }


def figures_of(measured: FigureSet, question: Question) -> Iterator[tuple[str, Json]]:
    """The figures that were asked for, measure by measure."""
    for spec, figures in measured.figures:
        yield spec.measure.name, answer(spec, figures, intervals=question.intervals)


def describe_measure(spec: MeasureSpec, evaluators: Evaluators) -> Json:
    """The unit of a measure, and of scores who gave them."""
    described: Json = {"unit": spec.measure.unit}
    if spec.measure.is_score:
        of_measure = [evaluators[key] for key in sorted(spec.measure.keys) if key in evaluators]
        described["evaluators"] = [
            {"id": e.id, "slug": e.slug, "name": e.name, "value_type": e.value_type} for e in of_measure
        ]
    return described


def of_snapshot(as_of: int, question: Question, measures: Iterable[MeasureSpec]) -> Json:
    """What every answer says: of when it is, of which window, and how percentiles are defined if it has any."""
    window = question.window
    described: Json = {
        "as_of": iso(as_of),
        "window": {"start_time": _time(window.start_us), "end_time": _time(window.end_us)},
    }
    return described | ({"method": METHOD} if any(spec.percentiles for spec in measures) else {})


def figure_columns(measures: Sequence[MeasureSpec], question: Question) -> list[str]:
    """The columns of a table with these measures: `cost.count`, `cost.missing`, `cost.sum`, ..."""
    return [f"{spec.measure.name}.{name}" for spec in measures for name in _names(spec, question)]


def cells(measures: Sequence[MeasureSpec], figures: Mapping[str, Any], question: Question) -> list[Any]:
    """The cells below `figure_columns` of figures by measure; a measure that is not there leaves its cells empty."""
    texts = []
    for spec in measures:
        of_measure = figures.get(spec.measure.name, {})
        texts += [of_measure.get(name) for name in _names(spec, question)]
    return texts


def _names(spec: MeasureSpec, question: Question) -> list[str]:
    """The members of a measure's figures, the same for any data."""
    of_scores = OfScores() if spec.measure.is_score else None
    return list(answer(spec, Figures(of_scores=of_scores), intervals=question.intervals))


def _time(us: int | None) -> str | None:
    """A bound of a window may lie outside of the calendar: it is answered as far as that goes."""
    return None if us is None else iso(max(_FIRST_US, min(_LAST_US, us)))
