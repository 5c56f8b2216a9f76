"""Masks of what clients name (labels, metadata): each different value is looked at once, not that of each trace.

A dictionary numbers the values of a chunk, and of the numbers there are bits. To find the traces of one number takes an
operation for each bit; numbers whose high bits are the same share those.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    cast,
    column,
    func,
    literal,
    literal_column,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from ..store.cache_tables import BITS, slice_dictionaries
from ..store.tables import ByBytes

Value: TypeAlias = ColumnElement[Any]

_dictionary = slice_dictionaries.alias("dictionary")
_OF_ROW = text(
    "dictionary.experiment_key = of_experiment AND dictionary.start_time = of_stretch AND dictionary.chunk = of_chunk"
)
# Taken out of storage once, by an operation that changes nothing.
_ENCODED = "listed, array_cat(bits, '{}') AS bits, (cardinality(bits) + 1) / 2 AS half"
_HAS = "(SELECT bit_or(one) FROM unnest(bits) AS each_bit(one))"
_LOW = "number & ((1 << half) - 1)"


def _all_bits(number: str, bits: str) -> str:
    """Who has these bits just as the number does."""
    as_in_number = f"CASE WHEN {number} & (1 << place::int - 1) = 0 THEN ~one ELSE one END"
    return f"(SELECT bit_and({as_in_number}) FROM unnest({bits}) WITH ORDINALITY AS each_bit(one, place))"


# Where most values pass, the others are looked for, and those who have another one than these are meant.
_TURNED = "SELECT 2 * count(*) FILTER (WHERE passes) > count(*) AS are_most FROM numbered"
_WANTED = "SELECT number FROM numbered, turned WHERE passes <> are_most"
_LOWS = f"SELECT low, {_all_bits('low', 'bits[1: half]')} AS ones FROM (SELECT DISTINCT {_LOW} AS low FROM wanted) lows"
_SHARING = f"SELECT number >> half AS high, bit_or(ones) AS ones FROM wanted JOIN low_bits ON low = {_LOW} GROUP BY 1"
_JOINED = f"""
(SELECT coalesce(bit_or(ones & coalesce({_all_bits("high", "bits[half + 1:]")}, every)), none) AS ones
FROM ({_SHARING}) sharing) joined, turned
"""
_TURNED_BACK = f"CASE WHEN are_most THEN {_HAS} & ~ones ELSE ones END"


def mask_of_any_value(name: str) -> Value:
    """Who has a value of this name (`FieldSpec.listed_as`), over a row of slices with `KEY_OF_ROW`."""
    return _over_dictionary(name, select(literal_column(_HAS, BITS)))


def mask_of_values(name: str, passes: Callable[[Value], ColumnElement[bool]]) -> Value:
    """Who has a value, a jsonb one, that passes."""
    every = func.unnest(literal_column("listed")).table_valued(
        column("value", JSONB), with_ordinality="number", joins_implicitly=True
    )
    each = every.render_derived(name="each_value")
    number = cast(each.c.number, Integer).label("number")
    numbered = select(number, passes(each.c.value).is_(true()).label("passes")).cte("numbered")
    turned = text(_TURNED).columns(column("are_most")).cte("turned")
    wanted = text(_WANTED).columns(column("number")).cte("wanted")
    low_bits = text(_LOWS).columns(column("low"), column("ones")).cte("low_bits").prefix_with("MATERIALIZED")
    found: Select[Any] = select(literal_column(_TURNED_BACK, BITS)).select_from(text(_JOINED))
    return _over_dictionary(name, found.add_cte(numbered, turned, wanted, low_bits, nest_here=True))


def _over_dictionary(name: str, mask: Select[Any]) -> Value:
    of_name: Select[Any] = select(literal_column(_ENCODED)).select_from(_dictionary)
    of_name = of_name.where(_OF_ROW, _dictionary.c.name == literal(name, ByBytes)).offset(literal_column("0"))
    ones = select(mask.scalar_subquery()).select_from(of_name.subquery("encoded"))
    return func.coalesce(ones.scalar_subquery(), literal_column("none", BITS), type_=BITS)
