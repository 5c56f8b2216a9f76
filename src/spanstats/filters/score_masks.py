"""Masks of scores: those of few values have bits beside them; of the others each is looked at, and bits are made."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy import any_ as any_element
from sqlalchemy.dialects.postgresql import aggregate_order_by

from ..store.cache_tables import BITS, slice_scores

KEY_OF_ROW = "experiment_key AS of_experiment, start_time AS of_stretch, chunk AS of_chunk, n AS n_traces"
"""What a row of slices must have besides, for its scores and dictionaries to be found."""

_NONE: ColumnElement[Any] = literal_column("none", BITS)
_stored = slice_scores.alias("stored")
_OF_ROW = text("stored.experiment_key = of_experiment AND stored.start_time = of_stretch AND stored.chunk = of_chunk")


def mask_of_scores(
    keys: frozenset[str], passes: Callable[[ColumnElement[Any]], ColumnElement[bool]]
) -> ColumnElement[Any]:
    """Who has a score of one of these evaluators that passes, over a row of slices with `KEY_OF_ROW`."""
    whose = _OF_ROW, _stored.c.name == any_element(literal(sorted(keys), ARRAY(Text())))
    with_bits = func.unnest(_stored.c.scores, _stored.c.bits).table_valued(
        column("value", BigInteger), column("bits", BITS), joins_implicitly=True
    )
    few = with_bits.render_derived(name="few")
    ones = select(func.bit_or(few.c.bits, type_=BITS)).select_from(_stored, few)
    ones = ones.where(*whose, _stored.c.bits.is_not(None), passes(few.c.value))
    listed = *whose, _stored.c.places.is_not(None)
    with_places = func.unnest(_stored.c.scores, _stored.c.places).table_valued(
        column("value", BigInteger), column("place", Integer), joins_implicitly=True
    )
    many = with_places.render_derived(name="many")
    found = select(many.c.place).select_from(_stored, many).where(*listed, passes(many.c.value)).distinct()
    is_any_listed = exists().select_from(_stored).where(*listed)
    bits = case((is_any_listed, _bits_at(found.subquery("found"))), else_=_NONE)
    return func.coalesce(ones.scalar_subquery(), _NONE, type_=BITS).bitwise_or(bits)


def _bits_at(found: Any) -> ColumnElement[Any]:
    """A one at each of the places that were found."""
    last = literal_column("n_traces - 1", Integer)
    each = func.generate_series(literal_column("0"), last).table_valued(column("place", Integer))
    places = each.render_derived(name="each_place")
    bit = case((found.c.place.is_(None), literal_column("'0'")), else_=literal_column("'1'"))
    in_order = func.string_agg(bit, aggregate_order_by(literal_column("''"), places.c.place))
    joined = places.outerjoin(found, found.c.place == places.c.place)
    return cast(select(in_order).select_from(joined).scalar_subquery(), BITS)
