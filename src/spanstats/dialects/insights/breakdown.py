"""A breakdown as asked, as answered, as a table, and as described."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...errors import invalid
from ...insights.breakdown import MAX_GROUPS, Breakdown, BreakdownOptions, Group
from ...insights.dimensions import MAX_DIMENSIONS, MODEL, SPAN, TRACE, UNITS, Dimension, dimension
from ...insights.figures import answer
from ...insights.measures import MeasureName, MeasureSpec, parse_name, percentile
from ...insights.ordering import COUNT, KEY, Order
from ...insights.questions import Question
from ...insights.rolled import Measured
from .answers import Json, cells, describe_measure, experiment_object, figure_columns, figures_of, of_snapshot
from .options import Options
from .schema import EXPERIMENT, FIGURE_OPTIONS, FIGURES, TOTALS, answer_schema, described, request_schema

Table = tuple[Sequence[str], Iterable[Sequence[Any]]]

NAMES = ("group_by", "unit", "order_by", "limit")
_OF_OTHERS = ("count", "missing", "sum", "trace_count", "text_count", "true_count", "false_count", "filled")


def read_dimensions(names: Sequence[str], keys: Mapping[str, frozenset[str]]) -> list[Dimension]:
    """Raises `InvalidInput` for none, too many, unknown and repeated ones."""
    if not 1 <= len(names) <= MAX_DIMENSIONS:
        raise invalid(f"must name 1 to {MAX_DIMENSIONS} dimensions", "group_by", kind="wrong_arity")
    dimensions = [dimension(name, keys) for name in names]
    if len({one.name for one in dimensions}) < len(dimensions):
        raise invalid("names a dimension twice", "group_by", kind="repeated")
    return dimensions


def read_breakdown_options(
    options: Options, dimensions: Sequence[Dimension], measures: Sequence[MeasureSpec] | None
) -> BreakdownOptions:
    """How the groups are wanted. Raises `InvalidInput`."""
    of_spans = any(one.is_of_spans for one in dimensions)
    unit = options.one_of("unit", UNITS, SPAN if of_spans else TRACE)
    only_spans = [one.name for one in dimensions if one.is_of_spans and one.name != MODEL]
    if unit == TRACE and only_spans:
        raise options.wrong("unit", f"{', '.join(only_spans)}: only spans have it, so the unit is span", "unit")
    scores = [one.name for one in dimensions if one.score is not None]
    if unit == SPAN and scores:
        raise options.wrong("unit", f"{', '.join(scores)}: only traces have it, so the unit is trace", "unit")
    order = options.located("order_by", _order, options.text("order_by"), measures)
    return BreakdownOptions(dimensions, unit, order, options.whole("limit", 50, 1, MAX_GROUPS))


def _order(text: str | None, measures: Sequence[MeasureSpec] | None) -> Order:
    name = (text or "-count").removeprefix("-")
    descending = (text or "-count").startswith("-")
    if name in (COUNT, KEY):
        return Order(name, descending)
    for spec in measures or ():
        aggregate = _aggregate(parse_name(name), spec)
        if aggregate is not None:
            return Order(name, descending, aggregate)
    raise invalid("must be count, key or one of the measures with its aggregate", "order_by", kind="unknown_measure")


def _aggregate(one: MeasureName, spec: MeasureSpec) -> MeasureSpec | None:
    """The one aggregate that is named, if it was asked for."""
    if one.name != spec.measure.name or one.aggregate is None:
        return None
    if one.aggregate in spec.percentiles:
        return MeasureSpec(spec.measure, (), {one.aggregate: spec.percentiles[one.aggregate]})
    is_known = one.aggregate in (*spec.aggregates, "count", "missing") and percentile(one.aggregate) is None
    return MeasureSpec(spec.measure, (one.aggregate,)) if is_known else None


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

    def row(kind: str, figures: Json, key: Json) -> list[Any]:
        counts = [figures.get(name) for name in ("count", "failed", "cost_partial_count")]
        keys = [key.get(name) for name in names]
        return [kind, *keys, key.get("several", False), *counts, *cells(measures, figures, question)]

    rows = [row("group", one, one["key"]) for one in described["groups"]]
    rows += [row("other", described["other"], {})] if described["other"] else []
    return columns, [*rows, row("total", described["total"], {})]


def _key(one: Group, options: BreakdownOptions) -> Json:
    key = dict(zip((dimension.name for dimension in options.dimensions), one.key, strict=True))
    return key | ({"several": True} if one.several else {})


def _figures(measured: Measured, question: Question) -> Json:
    return {
        "count": measured.traces,
        "failed": measured.failed,
        "cost_partial_count": measured.cost_partial,
        **dict(figures_of(measured, question)),
    }


def _sums_alone(measured: Measured) -> Json:
    """Counts and sums add up over groups; means and percentiles do not, so they are null."""
    sums: Json = {"count": measured.traces, "failed": measured.failed, "cost_partial_count": measured.cost_partial}
    for spec, figures in measured.figures:
        shown = answer(spec, figures)
        sums[spec.measure.name] = {name: value if name in _OF_OTHERS else None for name, value in shown.items()}
    return sums


_EXAMPLE: Json = {
    "as_of": "2026-11-28T10:15:02.000123+00:00",
    "window": {"start_time": None, "end_time": None},
    "unit": "trace",
    "group_by": ["metadata.topic"],
    "measures": {"cost": {"unit": "USD"}},
    "groups": [
        {
            "key": {"metadata.topic": "billing"},
            "count": 40,
            "failed": 1,
            "cost_partial_count": 0,
            "cost": {"count": 40, "missing": 0, "sum": 0.012},
        },
    ],
    "other": {
        "groups": 12,
        "count": 12,
        "failed": 0,
        "cost_partial_count": 0,
        "cost": {"count": 9, "missing": 3, "sum": 0.001},
    },
    "total": {
        "count": 52,
        "failed": 1,
        "cost_partial_count": 0,
        "cost": {"count": 49, "missing": 3, "sum": 0.013},
    },
    "truncated": True,
}
_COUNTS = {
    "count": {"type": "integer", "description": "Traces or spans, as the unit says"},
    "failed": {"type": "integer"},
    "cost_partial_count": {**TOTALS["cost_partial_count"]},
}
BREAKDOWN_ANSWER = described(
    answer_schema(
        {
            "experiment": EXPERIMENT,
            "unit": {"type": "string", "enum": list(UNITS)},
            "group_by": {"type": "array", "items": {"type": "string"}},
            "measures": {"type": "object", "additionalProperties": {"type": "object"}},
            "groups": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        **_COUNTS,
                        "key": {
                            "type": "object",
                            "description": "A JSON value by dimension, null where there is none; `several` is true "
                            "where the spans of a trace have more than one model",
                        },
                    },
                    "required": ["key", *_COUNTS],
                    "additionalProperties": FIGURES,
                },
            },
            "other": {
                "type": ["object", "null"],
                "description": "The groups that are not listed, together: `groups` of them",
            },
            "total": {"type": "object", "properties": _COUNTS, "required": list(_COUNTS)},
            "truncated": {"type": "boolean"},
        },
        ["unit", "groups", "other", "total", "truncated"],
    ),
    _EXAMPLE,
    table="row,metadata.topic,several,count,failed,cost_partial_count,cost.count,cost.missing,cost.sum\r\n",
)
BREAKDOWN_REQUEST = request_schema(
    {
        "measures": FIGURE_OPTIONS["measures"],
        "missing": FIGURE_OPTIONS["missing"],
        "group_by": {
            "type": ["array", "string"],
            "items": {"type": "string"},
            "description": "One or two of: fields of traces, `metadata.<key>`, `scores.<evaluator>`, fields of spans",
        },
        "unit": {"type": ["string", "null"], "enum": [*UNITS, "", None]},
        "order_by": {"type": ["string", "null"], "description": "`count`, `key` or a measure; `-` for descending"},
        "limit": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_GROUPS},
    },
    {"group_by": ["metadata.topic"], "measures": ["cost.sum", "latency.p95"], "order_by": "-cost.sum", "limit": 50},
)
