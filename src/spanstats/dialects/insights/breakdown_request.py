"""How a breakdown is asked: by which dimensions, over what, in which order."""

from collections.abc import Mapping, Sequence

from ...errors import invalid
from ...insights.breakdown import MAX_GROUPS, BreakdownOptions
from ...insights.dimensions import MAX_DIMENSIONS, MODEL, SPAN, TRACE, UNITS, Dimension, dimension
from ...insights.measures import MeasureName, MeasureSpec, parse_name, percentile
from ...insights.ordering import COUNT, KEY, Order
from .options import Options

NAMES = ("group_by", "unit", "order_by", "limit")


def read_dimensions(names: Sequence[str], keys: Mapping[str, frozenset[str]]) -> list[Dimension]:
    """Raises `InvalidInput` for none, too many, unknown and repeated ones."""
    if not 1 <= len(names) <= MAX_DIMENSIONS:
        raise invalid(f"must name 1 to {MAX_DIMENSIONS} dimensions", "group_by", code="wrong_arity")
    dimensions = [dimension(name, keys) for name in names]
    if len({one.name for one in dimensions}) < len(dimensions):
        raise invalid("names a dimension twice", "group_by", code="repeated")
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
    raise invalid("must be count, key or one of the measures with its aggregate", "order_by", code="unknown_measure")


def _aggregate(one: MeasureName, spec: MeasureSpec) -> MeasureSpec | None:
    """The one aggregate that is named, if it was asked for."""
    if one.name != spec.measure.name or one.aggregate is None:
        return None
    if one.aggregate in spec.percentiles:
        return MeasureSpec(spec.measure, (), {one.aggregate: spec.percentiles[one.aggregate]})
    is_known = one.aggregate in (*spec.aggregates, "count", "missing") and percentile(one.aggregate) is None
    return MeasureSpec(spec.measure, (one.aggregate,)) if is_known else None
