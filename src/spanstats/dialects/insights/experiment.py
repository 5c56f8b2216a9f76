"""The figures of one experiment, and of a list of experiments: as answered, and as a table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...insights.experiment_figures import ExperimentFigures
from ...insights.from_rollups import FigureSet
from ...insights.listing import Listed, Page
from ...insights.measures import MeasureSpec
from ...insights.questions import Question
from ...insights.snapshot import Experiment
from ...insights.trade_off import experiments_by_score, unbeaten_by_score
from .answers import (
    Json,
    cells,
    experiment_object,
    figure_columns,
    figures_of,
    measured_object,
    of_snapshot,
    totals_object,
)
from .cursor import write_cursor
from .schema import (
    TOTALS,
)

Table = tuple[Sequence[str], Iterable[Sequence[Any]]]

_MEASURE_COLUMNS = ("measure", "unit", "count", "missing", "trace_count", "text_count", "sum", "mean", "std_dev")
_EXTREMES = ("min", "max")


def described_object(described: ExperimentFigures, question: Question) -> Json:
    """One experiment with its figures."""
    specs = [spec for spec, _ in described.measured.figures]
    return {
        **of_snapshot(described.as_of, question, specs),
        "experiment": experiment_object(described.experiment),
        "dataset_stats": described.experiment.dataset_stats or [],
        **measured_object(described.measured, question, described.evaluators),
    }


def described_table(described: ExperimentFigures, question: Question) -> Table:
    """A row for each measure."""
    percentiles = dict.fromkeys(name for spec, _ in described.measured.figures for name in spec.percentiles)
    columns = [*_MEASURE_COLUMNS, *_EXTREMES, *percentiles]
    objects = measured_object(described.measured, question, described.evaluators)["measures"]
    return columns, ([name, *(figures.get(column) for column in columns[1:])] for name, figures in objects.items())


def listed_object(listed: Listed, question: Question, page: Page, *, with_pareto: bool = False) -> Json:
    """A page of experiments with their figures; `with_pareto` with which of them no other one of the page beats."""
    of_page = [measured for _, measured in listed.page]
    unbeaten = unbeaten_by_score(of_page) if with_pareto else [{}] * len(of_page)
    return {
        **of_snapshot(listed.as_of, question, question.measures or ()),
        "count": listed.count,
        "page": page.offset // page.size + 1,
        "page_size": page.size,
        "next_cursor": None if listed.next is None else write_cursor(_order(page), listed.next),
        "scores": [{"measure": name, "experiments": count} for name, count in experiments_by_score(of_page)],
        "experiments": [
            experiment_object(experiment) | _with_pareto(measured_object(measured, question, listed.evaluators), best)
            for (experiment, measured), best in zip(listed.page, unbeaten, strict=True)
        ],
    }


def _with_pareto(measured: Json, unbeaten: Mapping[str, bool | None]) -> Json:
    for name, figures in measured["measures"].items():
        if name in unbeaten:
            figures["pareto"] = unbeaten[name]
    return measured


def _order(page: Page) -> str:
    return f"-{page.sort_by}" if page.descending else page.sort_by


def listed_table(listed: Listed, question: Question) -> Table:
    """A row for each experiment; a measure that one of them does not have is empty there."""
    measures = list({spec.measure.name: spec for _, one in listed.page for spec, _ in one.figures}.values())
    columns = [*_LISTED, *_TOTALS, *figure_columns(measures, question)]
    return columns, (_listed_row(experiment, measured, measures, question) for experiment, measured in listed.page)


_LISTED = ("id", "name", "run_name", "project", "status", "created_at", "finished_at")
_TOTALS = tuple(TOTALS)


def _listed_row(
    experiment: Experiment, measured: FigureSet, measures: Sequence[MeasureSpec], question: Question
) -> list[Any]:
    shown, totals = experiment_object(experiment), totals_object(measured)
    figures = cells(measures, dict(figures_of(measured, question)), question)
    return [*(shown[name] for name in _LISTED), *(totals[name] for name in _TOTALS), *figures]
