"""What is sent, brought to what is stored, alike in every dialect: short texts, metadata, names, counts of scores."""

from collections.abc import Sized
from typing import Any

import msgspec

from ..domain.span import Span
from ..domain.values import cut
from ..errors import invalid

MAX_METADATA_BYTES = 256 * 1024
MAX_VALUE_BYTES = 256 * 1024
"""Of one attribute that no number depends on."""
MAX_MODEL_BYTES = 255
MAX_NAME_CHARACTERS = 255
MAX_SCORES = 100

ID_SCHEMA: dict[str, Any] = {"maxLength": 256, "pattern": r"^[^\u0000]*$"}
"""How an id is described; its length is counted in bytes of UTF-8, for which JSON Schema has no word."""

_ENCODER = msgspec.json.Encoder()
_NUMBERS = (bool, int, float)


def text_of(value: object) -> str | None:
    """Non-empty text as it is, numbers and booleans as JSON; `None` for everything else."""
    if value is None:
        return None
    if isinstance(value, str):
        return value or None
    return _ENCODER.encode(value).decode() if isinstance(value, _NUMBERS) else None


def metadata_of(value: object, field: str) -> dict[str, Any] | None:
    """Metadata without its top-level nulls, types kept; `None` where nothing is left or it is no object.

    Raises `InvalidInput` above 256 KiB of JSON.
    """
    if not isinstance(value, dict):
        return None
    members = {k: v for k, v in value.items() if v is not None}
    if len(_ENCODER.encode(members)) > MAX_METADATA_BYTES:
        raise invalid("must be at most 256 KiB", field, code="too_large")
    return members or None


def cut_large(values: dict[str, Any]) -> dict[str, Any]:
    """The values, those of more than 256 KiB cut to a text of that size, with the names of these under `cut`."""
    large = [name for name, value in values.items() if _is_large(value)]
    if not large:
        return values
    texts = {name: v if isinstance(v := values[name], str) else _ENCODER.encode(v).decode() for name in large}
    return {**values, **{name: cut(text, MAX_VALUE_BYTES) for name, text in texts.items()}, "cut": sorted(large)}


def _is_large(value: Any) -> bool:
    if isinstance(value, str):
        # A character takes at most four bytes of UTF-8.
        return len(value) * 4 > MAX_VALUE_BYTES and len(value.encode()) > MAX_VALUE_BYTES
    return isinstance(value, list | dict) and len(_ENCODER.encode(value)) > MAX_VALUE_BYTES


def check_scores(scores: Sized | None, limit: int = MAX_SCORES, field: str = "scores") -> None:
    """Raises `InvalidInput` where a span would have more scores than the limit."""
    if scores is not None and len(scores) > limit:
        raise invalid(f"must be at most {limit} scores", field, code="too_long")


def without_empty(values: dict[str, Any]) -> dict[str, Any]:
    """The entries that carry something: no nulls, empty lists, empty objects or empty texts."""
    return {k: v for k, v in values.items() if v is not None and v != [] and v != {} and v != ""}


def shorten(span: Span) -> Span:
    """Cut model and name to what an index holds; the whole text stays in the attributes."""
    if span.name is not None and len(span.name) > MAX_NAME_CHARACTERS:
        span.attributes = {**span.attributes, "full_name": span.name}
        span.name = span.name[:MAX_NAME_CHARACTERS]
    if span.model is not None and (short := cut(span.model, MAX_MODEL_BYTES)) != span.model:
        span.attributes = {**span.attributes, "full_model": span.model}
        span.model = short
    return span
