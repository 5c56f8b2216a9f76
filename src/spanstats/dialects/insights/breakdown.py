"""A breakdown: as answered, and as a table."""

from collections.abc import Iterable, Sequence
from typing import Any

from ...insights.breakdown import Breakdown, BreakdownOptions, Group
from ...insights.figures import answer
from ...insights.from_rollups import FigureSet
from ...insights.questions import Question
from .answers import Json, cells, describe_measure, experiment_object, figure_columns, figures_of, of_snapshot

Table = tuple[Sequence[str], Iterable[Sequence[Any]]]

_OF_OTHERS = ("count", "missing", "sum", "trace_count", "text_count", "true_count", "false_count", "filled")


def breakdown_object(breakdown: Breakdown, question: Question, options: BreakdownOptions) -> Json:
    """The groups, what is left of them, and the total."""
    groups, measures = breakdown.groups, [spec for spec, _ in breakdown.groups.total.figures]
    return {
        **of_snapshot(breakdown.as_of, question, measures),
        "experiment": experiment_object(breakdown.experiment),
        "unit": options.unit,
        "group_by": [one.name for one in options.dimensions],
        "measures": {spec.measure.name: describe_measure(spec, breakdown.evaluators) for spec in measures},
        "groups": [{"key": _key(one, options), **_figures(one.measured, question)} for one in groups.listed],
        "other": {"groups": groups.others, **_sums_alone(groups.other)} if groups.others else None,
        "total": _figures(groups.total, question),
        "truncated": groups.others > 0,
    }


def breakdown_table(breakdown: Breakdown, question: Question, options: BreakdownOptions) -> Table:
    """A row for each group, then one for the others if there are any; `row` says which it is."""
    described, measures = (
        breakdown_object(breakdown, question, options),
        [spec for spec, _ in breakdown.groups.total.figures],
    )
    names = [one.name for one in options.dimensions]
    columns = ["row", *names, "several", "count", "failed", "cost_partial_count", *figure_columns(measures, question)]

    def row(row_name: str, figures: Json, key: Json) -> list[Any]:
        counts = [figures.get(name) for name in ("count", "failed", "cost_partial_count")]
        keys = [key.get(name) for name in names]
        return [row_name, *keys, key.get("several", False), *counts, *cells(measures, figures, question)]

    rows = [row("group", one, one["key"]) for one in described["groups"]]
    rows += [row("other", described["other"], {})] if described["other"] else []
    return columns, [*rows, row("total", described["total"], {})]


def _key(one: Group, options: BreakdownOptions) -> Json:
    key = dict(zip((dimension.name for dimension in options.dimensions), one.key, strict=True))
    return key | ({"several": True} if one.several else {})


def _figures(measured: FigureSet, question: Question) -> Json:
    return {
        "count": measured.traces,
        "failed": measured.failed,
        "cost_partial_count": measured.cost_partial,
        **dict(figures_of(measured, question)),
    }


def _sums_alone(measured: FigureSet) -> Json:
    """Counts and sums add up over groups; means and percentiles do not, so they are null."""
    sums: Json = {"count": measured.traces, "failed": measured.failed, "cost_partial_count": measured.cost_partial}
    for spec, figures in measured.figures:
        shown = answer(spec, figures)
        sums[spec.measure.name] = {name: value if name in _OF_OTHERS else None for name, value in shown.items()}
    return sums
