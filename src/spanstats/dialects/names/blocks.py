"""Reading a block of usage (`block_names.py`): of its fields the first name that has a known value."""

from collections.abc import Iterator, Mapping
from typing import Any

from ...domain.values import number
from ..json_body import as_object_or_none as as_object
from ..numbers import is_unknown
from .block_names import COST_ATTRIBUTES, COST_BLOCK, KINDS_OF_COST, USAGE, USAGE_ATTRIBUTES
from .row import Name, Table

FieldValues = dict[str, tuple[Any, Name]]
"""By field: the value and the row that it came by."""


def read_block(block: Mapping[str, Any], table: Table = USAGE) -> FieldValues:
    """What a block says, for each field under the first of its names that has a known value."""
    flat = _flattened(block)
    values: FieldValues = {}
    if flat:
        for field, rows in table.items():
            for row in rows:
                if row.name in flat and not is_unknown(flat[row.name]):
                    values[field] = flat[row.name], row
                    break
    return values


def read_blocks(attributes: Mapping[str, tuple[Any, str]]) -> list[FieldValues]:
    """What the attributes that hold blocks say, in the order of the tables."""
    blocks = []
    for name, paths, _ in USAGE_ATTRIBUTES:
        if name in attributes and (block := as_object(attributes[name][0])) is not None:
            inner = [value for path in paths if isinstance(value := inside(block, path), dict)]
            blocks += [read_block(value) for value in inner]
    for name, _ in COST_ATTRIBUTES:
        if name in attributes and (block := as_object(attributes[name][0])) is not None:
            blocks.append(read_block(_with_total(block) if name == KINDS_OF_COST else block, COST_BLOCK))
    return blocks


def _with_total(costs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Langfuse has a cost for each kind of usage (`input_cached_tokens`, ...); without a total they add up to it."""
    by_kind = {name: value for name, value in costs.items() if not is_unknown(value)}
    if "total" in by_kind or not by_kind or not {value.__class__ for value in by_kind.values()} <= {int, float}:
        return costs
    return {**by_kind, "total": sum(number(value, f"{KINDS_OF_COST}.{name}") for name, value in by_kind.items())}


def inside(value: Any, path: str) -> Any:
    """The value at a path of keys with dots between; the empty path is the value itself."""
    for key in path.split(".") if path else ():
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _flattened(block: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers and texts of a block and of the objects in it, by path."""
    flat: dict[str, Any] = {}
    for key, value in block.items():
        if isinstance(value, dict):
            flat.update((f"{key}.{inner}", v) for inner, v in value.items())
        elif isinstance(value, list):
            flat.update((f"{key}.{modality}", count) for modality, count in _modalities(value))
        else:
            flat[key] = value
    for whole, prefixes in _TAKEN_OUT.items():
        counts = [count for key, count in flat.items() if key.startswith(prefixes) and count.__class__ is int]
        if counts and flat.get(whole, 0).__class__ is int:
            flat[whole] = flat.get(whole, 0) + sum(counts)
    return flat


def _modalities(items: list[Any]) -> Iterator[tuple[str, Any]]:
    """Gemini lists what its tokens are: `[{"modality": "AUDIO", "tokenCount": 60}]`."""
    for item in items:
        if isinstance(item, dict) and isinstance(modality := item.get("modality"), str):
            yield modality.upper(), item.get("tokenCount", item.get("token_count"))


_TAKEN_OUT = {"input": ("input_modality_", "cached_modality_"), "output": ("output_modality_",)}
"""What Langfuse takes out of the input and the output of Gemini, where it lists text, images and audio apart
(`langfuse/langchain/CallbackHandler.py`, `_parse_usage_model`): all of it."""
