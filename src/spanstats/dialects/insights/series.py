"""A series as answered, as a table, and as described."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...domain.times import iso
from ...insights.granularity import AUTO, GRANULARITIES
from ...insights.measuring import no_figures
from ...insights.questions import Question
from ...insights.series import Series
from .answers import Json, cells, describe_measure, experiment_object, figure_columns, figures_of, of_snapshot
from .schema import EXPERIMENT, FIGURE_OPTIONS, FIGURES, TOTALS, answer_schema, described, request_schema

FILLS = ("null", "none", "zero")
"""Empty buckets: with a count of 0, sums of 0 and no means; left out; as `null`, with every sum without a value 0."""

Table = tuple[Sequence[str], Iterable[Sequence[Any]]]

_FIXED = ("start", "end", "partial", "count", "failed", "cost_partial_count")


def series_object(series: Series, question: Question, fill: str) -> Json:
    """The figures of each bucket by measure, and what the measures are."""
    return {
        **of_snapshot(series.as_of, question, series.measures),
        "experiment": experiment_object(series.experiment),
        "granularity": series.buckets.granularity,
        "time_zone": series.time_zone,
        "measures": {spec.measure.name: describe_measure(spec, series.evaluators) for spec in series.measures},
        "points": list(_points(series, question, fill)),
    }


def series_table(series: Series, question: Question, fill: str) -> Table:
    """A row for each bucket."""
    columns = [*_FIXED, *figure_columns(series.measures, question)]
    points = _points(series, question, fill)
    rows = ([*(point[name] for name in _FIXED), *cells(series.measures, point, question)] for point in points)
    return columns, rows


def _points(series: Series, question: Question, fill: str) -> Iterator[Json]:
    for number in range(len(series.buckets)):
        measured = series.points.get(number)
        if measured is None and fill == "none":
            continue
        zeros = fill == "zero" or measured is None
        measured = measured or no_figures(series.measures)
        start, end = series.buckets.edges[number : number + 2]
        yield {
            "start": iso(start),
            "end": iso(end),
            "partial": series.is_partial(number),
            "count": measured.traces,
            "failed": measured.failed,
            "cost_partial_count": measured.cost_partial,
            **{name: _with_zeros(figures) if zeros else figures for name, figures in figures_of(measured, question)},
        }


def _with_zeros(figures: Json) -> Json:
    return figures | {"sum": 0} if "sum" in figures and figures["sum"] is None else figures


_POINT: Json = {
    "start": "2026-11-28T00:00:00+00:00",
    "end": "2026-11-29T00:00:00+00:00",
    "partial": True,
    "count": 150,
    "failed": 3,
    "cost_partial_count": 0,
    "cost": {"count": 149, "missing": 1, "sum": 12.45},
}
_EXAMPLE: Json = {
    "as_of": "2026-11-28T10:15:02.000123+00:00",
    "window": {"start_time": None, "end_time": None},
    "granularity": "day",
    "time_zone": "UTC",
    "measures": {"cost": {"unit": "USD"}},
    "points": [_POINT],
}
SERIES_ANSWER = described(
    answer_schema(
        {
            "experiment": EXPERIMENT,
            "granularity": {"type": "string", "enum": [AUTO, *GRANULARITIES]},
            "time_zone": {"type": "string"},
            "measures": {"type": "object", "additionalProperties": {"type": "object"}},
            "points": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "start": {"type": "string", "format": "date-time"},
                        "end": {"type": "string", "format": "date-time"},
                        "partial": {"type": "boolean", "description": "Reaches beyond the window or the present"},
                        "count": TOTALS["traces"],
                        **{name: TOTALS[name] for name in ("failed", "cost_partial_count")},
                    },
                    "required": ["start", "end", "partial", "count"],
                    "additionalProperties": FIGURES,
                },
            },
        },
        ["granularity", "points"],
    ),
    _EXAMPLE,
    table="start,end,partial,count,failed,cost_partial_count,cost.count,cost.missing,cost.sum\r\n",
)
SERIES_REQUEST = request_schema(
    {
        **FIGURE_OPTIONS,
        "granularity": {"type": ["string", "null"], "enum": [AUTO, *GRANULARITIES, "", None]},
        "fill": {"type": ["string", "null"], "enum": [*FILLS, "", None]},
        "time_zone": {"type": ["string", "null"], "description": "An IANA name; UTC by default"},
    },
    {
        "granularity": "day",
        "measures": ["cost.sum", "latency.p95"],
        "time_zone": "Europe/Zurich",
        "filters": [{"field": "status", "operator": "=", "value": "success"}],
    },
)
