"""The one statement that reads traces as arrays: its blocks, its columns, its aggregates."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .format import (
    ARE_DERIVED,
    FAILED,
    FLAGS,
    ITEM_KEY,
    KEY_SENT,
    MEASURED,
    OBJECTS,
    START_MICROSECOND,
    START_MINUTE,
    TARGET_KEY,
    WITHOUT_KEY,
)
from .needs import Needs

_BLOCK = 4_096

_MOST_BYTES_OF_OBJECT = 8_192
"""Labels or metadata of a trace that are stored as more are not even unpacked: they are read as an empty text."""

_NULLABLE = frozenset({"cost_pd", "latency_us", "tps", "ttft_us", TARGET_KEY})
_NO_DIGEST = bytes(16)
_COMPUTED_FLAGS = {
    FAILED: "traces.status = 'error'",
    KEY_SENT: "coalesce(traces.labels ->> 'comparison_key', '') <> ''",
    WITHOUT_KEY: "coalesce(traces.item_key, '') = ''",
}
_SCORES = ("score_keys", "score_values", "score_kinds")


@dataclass(slots=True)
class _Parameters:
    """The values of `$1`, `$2` and so on."""

    values: list[Any] = field(default_factory=list)

    def put(self, value: object, type_: str) -> str:
        """The SQL text of the value."""
        self.values.append(value)
        return f"${len(self.values)}::{type_}"


def blocks_statement(
    condition: str,
    operands: list[Any],
    ranges: Sequence[tuple[int, int]] | None,
    needs: Needs,
    *,
    every_member: bool,
    in_order: bool,
    most: int,
) -> tuple[str, list[Any]]:
    """The statement, and its values: a row of it is a block of at most `most` traces, with what is needed of them.

    `condition` is SQL over `traces` with the `operands` as `$1` and so on. Of the rest see `chunks_of_traces`.
    """
    parameters = _Parameters(operands)
    query = _query(condition, ranges, _columns(needs, parameters, every_member=every_member), parameters)
    aggregates = _aggregates(needs, every_member=every_member)
    return _blocks(query, aggregates, in_order=in_order, size=min(_BLOCK, most)), parameters.values


def _query(
    condition: str, ranges: Sequence[tuple[int, int]] | None, columns: Sequence[str], parameters: _Parameters
) -> str:
    """A query for these columns of the traces."""
    query = f"SELECT {', '.join(columns)} FROM traces WHERE {condition}"
    if ranges is None:
        return query
    starts, ends = ([bounds[end] for bounds in ranges] for end in (0, 1))
    each = (
        f"unnest({parameters.put(starts, 'timestamptz[]')}, {parameters.put(ends, 'timestamptz[]')}) AS ranges(lo, hi)"
    )
    # The offset keeps the planner from reading all traces once for all ranges.
    inside = f"{query} AND traces.start_time >= ranges.lo AND traces.start_time < ranges.hi OFFSET 0"
    return f"SELECT of_range.* FROM {each} CROSS JOIN LATERAL ({inside}) of_range"


def _blocks(query: str, aggregates: Sequence[str], *, in_order: bool, size: int) -> str:
    """Aggregates of `size` rows at a time. They take rows as they come: of one block all in the same order.

    Put together as text: to compile so much takes longer than to run it.
    """
    order = "ORDER BY start_time, trace_id" if in_order else ""
    numbered = f"SELECT *, row_number() OVER ({order}) - 1 AS number FROM ({query}) of_traces"
    blocks = f"SELECT *, number / {size} AS block FROM ({numbered}) numbered"
    blocks += " ORDER BY block, number" if in_order else ""
    return f"SELECT {', '.join(aggregates)} FROM ({blocks}) blocks GROUP BY block ORDER BY block"


def _columns(needs: Needs, parameters: _Parameters, *, every_member: bool) -> list[str]:
    """Of `traces`, by the names that `_aggregates` use."""
    names = ["start_time", "trace_id", *(name for name in (*MEASURED, *FLAGS) if name in needs.columns)]
    names += [ITEM_KEY] if {ITEM_KEY, TARGET_KEY} & needs.columns else []
    names += _SCORES if needs.wants_scores() else ()
    columns = [f"traces.{name}" for name in names]
    columns += [f"{sql} AS {name}" for name, sql in _COMPUTED_FLAGS.items() if name in needs.columns]
    columns += [f"{_json_of(name, parameters)} AS text_{position}" for position, name in enumerate(needs.texts())]
    return columns + ([_object(name) for name in OBJECTS] if every_member else [])


def _json_of(name: str, parameters: _Parameters) -> str:
    """The value of a dictionary-encoded column as JSON text, null where there is none."""
    column, dot, key = name.partition(".")
    if not dot:
        return f"to_jsonb(traces.{column})::text"
    return f"nullif((traces.{column} -> {parameters.put(key, 'text')})::text, 'null')"


def _object(name: str) -> str:
    is_large = f"pg_column_size(traces.{name}) > {_MOST_BYTES_OF_OBJECT}"
    shown = f"CASE WHEN jsonb_typeof(traces.{name}) = 'object' THEN traces.{name}::text END"
    return f"CASE WHEN {is_large} THEN '' ELSE {shown} END AS {name}"


def _aggregates(needs: Needs, *, every_member: bool) -> list[str]:
    aggregates = {"n": "count(*)::int"}
    if {START_MINUTE, START_MICROSECOND} & needs.columns:
        aggregates["starts"] = "string_agg(timestamptz_send(start_time), '')"
    for name in needs.numbers():
        if name in MEASURED:
            aggregates[name] = f"string_agg(int8send(coalesce({name}, 0)::bigint), '')"
        elif name in (*FLAGS, *_COMPUTED_FLAGS):
            aggregates[name] = f"string_agg(CASE WHEN {name} THEN '1' ELSE '0' END, '')"
        if name in _NULLABLE:
            aggregates[f"has_{name}"] = f"string_agg(CASE WHEN {name} IS NULL THEN '0' ELSE '1' END, '')"
    if ITEM_KEY in needs.columns:
        has_key = f"octet_length({ITEM_KEY}) = {len(_NO_DIGEST)}"
        aggregates[ITEM_KEY] = (
            f"string_agg(CASE WHEN {has_key} THEN {ITEM_KEY} ELSE '\\x{_NO_DIGEST.hex()}' END, ''::bytea)"
        )
    if {ITEM_KEY, TARGET_KEY} & needs.columns:
        aggregates[ARE_DERIVED] = f"bool_and({ITEM_KEY} IS NOT NULL)"
    aggregates |= {f"text_{position}": f"array_agg(text_{position})" for position, _ in enumerate(needs.texts())}
    if every_member:
        is_long = {name: f"octet_length({name}) > {_MOST_BYTES_OF_OBJECT}" for name in OBJECTS}
        aggregates |= {name: f"array_agg(CASE WHEN {is_long[name]} THEN '' ELSE {name} END)" for name in OBJECTS}
    if needs.wants_scores():
        aggregates |= {name: f"array_agg(array_send({name}))" for name in _SCORES}
    return [f"{sql} AS {name}" for name, sql in aggregates.items()]
