"""From the values that were found under the tables' names to the numbers of a span."""

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, NamedTuple

from ...errors import InvalidInput
from ..numbers import (
    first_token_milliseconds,
    first_token_seconds,
    is_no_total,
    is_unknown,
    known_dollars,
    known_time,
    known_tokens,
)
from .blocks import FieldValues
from .row import Cached, Name
from .usage import COSTS, DETAILS, FIRST_TOKEN, TOKENS

Reader = Callable[[Any, str], int | None]

_FIRST_TOKEN_READERS: dict[str, Reader] = {
    "s": first_token_seconds,
    "ms": first_token_milliseconds,
    "time": known_time,
}

NUMBERS: dict[str, Name] = {
    row.name: row for table in (TOKENS, DETAILS, COSTS, FIRST_TOKEN) for rows in table.values() for row in rows
}
"""The rows whose value is a number, by name."""

_RANKS: dict[str, tuple[str, int]] = {
    row.name: (field, rank)
    for table in (TOKENS, DETAILS, COSTS, FIRST_TOKEN)
    for field, rows in table.items()
    for rank, row in enumerate(rows)
}

_COUNTED = frozenset({*TOKENS, *DETAILS, "cache_write_5m_tokens"})
_PLAIN = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
_PARTS_OF_COST = frozenset({"input_cost", "output_cost"})

# Vendors whose own APIs count cached tokens beside the input: Anthropic and, for all models, Bedrock.
_BESIDE_VENDORS = ("anthropic", "bedrock", "claude")


class Usage(NamedTuple):
    """`fields` are attributes of a `Span`, `details` are what a price follows from beside them."""

    fields: dict[str, int]
    details: dict[str, Any]


def own_numbers(keys: Mapping[str, Any]) -> FieldValues:
    """The values under the names of the tables, for each field that of the first name whose value is known."""
    values: FieldValues = {}
    for name in NUMBERS.keys() & keys.keys():
        value = keys[name]
        if value.__class__ is int or not is_unknown(value):
            field, rank = _RANKS[name]
            if field not in values or rank < _RANKS[values[field][1].name][1]:
                values[field] = value, NUMBERS[name]
    return values


def read_usage(values: FieldValues, model: str | None, provider: str | None) -> Usage:
    """The numbers under the names that won. Raises `InvalidInput`, located at the name, for one out of range."""
    counts = {
        field: count
        for field, (value, row) in values.items()
        if field in _COUNTED and (count := known_tokens(value, row.name)) is not None
    }
    if is_no_total(*(counts.get(name) for name in ("total_tokens", "prompt_tokens", "completion_tokens"))):
        del counts["total_tokens"]
    if counts.keys() <= _PLAIN and "cost_pd" not in values and _PARTS_OF_COST.isdisjoint(values):
        return Usage(counts, {})
    written = counts.pop("cache_write_5m_tokens", 0) + counts.get("cache_write_1h_tokens", 0)
    if written > counts.get("cache_write_tokens", 0):
        counts["cache_write_tokens"] = written
    fields = {field: count for field, count in counts.items() if field in TOKENS}
    details: dict[str, Any] = {field: count for field, count in counts.items() if field in DETAILS}
    if _is_beside(values, counts, model, provider):
        details["cached_beside_input"] = True
    if _is_reasoning_beside(values, counts):
        details["reasoning_beside_output"] = True
    if any(counts.get(field) and values[field][1].is_beside for field in ("input_audio_tokens", "output_audio_tokens")):
        details["audio_beside"] = True
    if (cost := _cost(values)) is not None:
        fields["cost_pd"] = cost
    return Usage(fields, details)


def _is_beside(values: FieldValues, counts: dict[str, int], model: str | None, provider: str | None) -> bool:
    """Whether the input excludes the cached tokens that came with it, by the names they came under."""
    cached = [
        values[field][1].cached
        for field in ("cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
        if counts.get(field) and field in values
    ]
    if Cached.BESIDE in cached:
        return True
    if Cached.AS_INPUT in cached:
        name = values["prompt_tokens"][1].name if "prompt_tokens" in values else ""
        return not name.rpartition(".")[2].startswith("prompt")
    return Cached.AS_VENDOR in cached and counts_beside(model, provider)


def _is_reasoning_beside(values: FieldValues, counts: dict[str, int]) -> bool:
    """Whether the output excludes the reasoning tokens: by their name, or as more of them, or the total, prove it."""
    reasoning, output = counts.get("reasoning_tokens"), counts.get("completion_tokens", 0)
    if not reasoning:
        return False
    adds_up = counts.get("total_tokens") == counts.get("prompt_tokens", 0) + output + reasoning
    return values["reasoning_tokens"][1].is_beside or reasoning > output or adds_up


def counts_beside(model: str | None, provider: str | None) -> bool:
    """Whether the vendor of a model counts cached tokens beside the input."""
    names = f"{model or ''} {provider or ''}".lower()
    return any(vendor in names for vendor in _BESIDE_VENDORS)


def _cost(values: FieldValues) -> int | None:
    """The cost that was sent, else the sum of the two that make it up."""
    costs = [_dollars(values, field) for field in ("cost_pd", "input_cost", "output_cost")]
    if costs[0] is not None:
        return costs[0]
    sides = [cost for cost in costs[1:] if cost is not None]
    return sum(sides) if sides else None


def _dollars(values: FieldValues, field: str) -> int | None:
    return known_dollars(values[field][0], values[field][1].name) if field in values else None


def read_first_token(value: Any, row: Name, start_us: int | None) -> int | None:
    """Microseconds from the start to the first token, `None` where that is not known."""
    number = _FIRST_TOKEN_READERS[row.unit](_unquoted(value), row.name)
    if row.unit != "time" or number is None:
        return number
    return number - start_us if start_us is not None and number > start_us else None


def _unquoted(value: Any) -> Any:
    """Langfuse sends a time as the JSON text of a string."""
    return value.strip('"') if isinstance(value, str) else value


def merged(by_block: Iterable[FieldValues]) -> FieldValues:
    """For each field the first of several findings."""
    result: FieldValues = {}
    for values in by_block:
        added = values
        if result and not _CACHED.isdisjoint(values) and (cached := _proved(result, values)) is not None:
            result = _as_proved(result, cached, _BY_SPELLING)
            added = _as_proved(values, cached, frozenset(Cached))
        for field, entry in added.items():
            result.setdefault(field, entry)
    return result


_CACHED = frozenset({"cache_read_tokens", "cache_write_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"})
_BY_SPELLING = frozenset({Cached.AS_VENDOR, Cached.AS_INPUT})


def _proved(result: FieldValues, block: FieldValues) -> Cached | None:
    """Whether the input that won includes the cached tokens of a block, where the input of the block proves it."""
    counts = {field: _count(block, field) for field in _CACHED}
    written = max(counts["cache_write_tokens"], counts["cache_write_5m_tokens"] + counts["cache_write_1h_tokens"])
    cached, inputs = counts["cache_read_tokens"] + written, [_count(v, "prompt_tokens") for v in (result, block)]
    if not cached or not all(inputs):
        return None
    return {cached: Cached.INSIDE, -cached: Cached.BESIDE}.get(inputs[0] - inputs[1])


def _count(values: FieldValues, field: str) -> int:
    """The tokens of a field; 0 where they are not known, or cannot be used."""
    try:
        return known_tokens(values[field][0], field) or 0 if field in values else 0
    except InvalidInput:
        return 0


def _as_proved(values: FieldValues, cached: Cached, changed: Container[Cached]) -> FieldValues:
    return {
        field: (value, row._replace(cached=cached) if field in _CACHED and row.cached in changed else row)
        for field, (value, row) in values.items()
    }
