"""Coercion of a log's values to the types that Parea's SDKs read. A value that cannot be coerced is left out."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from ...domain.span import Span
from ..json_body import encode

_MAX_WHOLE = 2**53
_EMPTY_VALUES: tuple[Any, ...] = (None, [], {})


def text(value: object) -> str | None:
    """Text as it is, other values as JSON; `None` for null."""
    return value if value is None or isinstance(value, str) else encode(value)


def texts(value: object) -> list[str] | None:
    """A list of texts; `None` where it is no list."""
    return [text(item) or "" for item in value if item is not None] if isinstance(value, list) else None


def number(value: object) -> float | None:
    """A finite number, not a boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        exact = float(value)
    except OverflowError:
        return None
    return exact if math.isfinite(exact) else None


def whole(value: object) -> int | None:
    """A whole number that a double holds."""
    exact = number(value)
    return int(exact) if exact is not None and abs(exact) <= _MAX_WHOLE else None


def configuration(span: Span) -> dict[str, Any]:
    """A model's call: as it was sent, without what is null or empty; from other dialects model, provider and messages.

    Every message has a role and a content.
    """
    logged = span.attributes.get("configuration")
    result = {k: v for k, v in logged.items() if v not in _EMPTY_VALUES} if isinstance(logged, dict) else {}
    for name, value in (("model", span.model), ("provider", span.provider)):
        if result.get(name) is None and value is not None:
            result[name] = value
    if not isinstance(result.get("model_params", {}), dict):
        del result["model_params"]
    if (messages := _messages(result.pop("messages", None))) or (messages := _messages_of_input(span)):
        result["messages"] = messages
    return result


def _messages(value: object) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else []
    return [_message(item) for item in items if isinstance(item, dict | str)]


def _message(item: dict[str, Any] | str) -> dict[str, Any]:
    if isinstance(item, str):
        return {"role": "user", "content": item}
    return {**item, "role": text(item.get("role")) or "user", "content": text(item.get("content")) or ""}


def _messages_of_input(span: Span) -> list[dict[str, Any]]:
    """OpenTelemetry's and Respan's calls of a model have their messages as input."""
    if span.by_span_id or span.input is None or span.input[:1] != "[" or not span.is_llm_call:
        return []
    items = msgspec.json.decode(span.input)
    return _messages(items) if all(isinstance(item, dict) and "role" in item for item in items) else []


def images(value: object) -> list[dict[str, Any]]:
    """The items of a list that are objects with the text `url`."""
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict) and isinstance(item.get("url"), str)]


_COMMENT = ("comment", "user_id", "created_at")


def comments(carried: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The comments that came with a log, and that of its feedback."""
    logged = carried.get("comments")
    items = logged if isinstance(logged, list) else []
    whole_comments = [
        c for c in items if isinstance(c, dict) and all(isinstance(c.get(name), str) for name in _COMMENT)
    ]
    comment = text(carried.get("feedback_comment"))
    if comment is None:
        return whole_comments
    values = comment, text(carried.get("feedback_name")) or "", text(carried.get("feedback_at")) or ""
    return [*whole_comments, dict(zip(_COMMENT, values, strict=True))]


def annotations(value: object) -> dict[str, Any]:
    """By number, then name."""
    if not isinstance(value, dict):
        return {}
    return {k: _named(v) for k, v in value.items() if _is_number(k) and isinstance(v, dict)}


def _is_number(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) <= 18


def _named(value: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in value.items() if isinstance(v, dict) and _is_annotation(v)}


def _is_annotation(value: dict[str, Any]) -> bool:
    has_author = all(isinstance(value.get(name), str) for name in ("created_at", "user_id"))
    return has_author and number(value.get("score")) is not None
