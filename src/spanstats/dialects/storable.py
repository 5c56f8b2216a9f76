"""Text that PostgreSQL can hold: NUL and lone surrogates become U+FFFD in content; ids were refused before."""

import re
from typing import Any

import msgspec

from ..domain.span import Score, Span
from ..domain.values import clean

# What Python makes of bytes that are not UTF-8; those that are never become half a surrogate pair.
_BAD_BYTES = re.compile("[\udc80-\udcff]+")

_TEXTS = ("name", "kind", "workflow_name", "status", "error", "model", "provider")


def text_of_utf8(data: bytes, instead: str = "\0") -> str:
    """The text, with `instead` for every run of bytes that is not UTF-8: content replaces a NUL, and ids refuse it."""
    text = data.decode("utf-8", "surrogateescape")
    return text if text.isascii() else _BAD_BYTES.sub(instead.replace("\\", r"\\"), text)


def scrub(value: Any) -> Any:
    """A JSON value with every string in it, keys too, made storable."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [scrub(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): scrub(item) for key, item in value.items()}
    return value


def storable(span: Span) -> Span:
    """The span with all text but its ids and documents made storable, in place."""
    for name in _TEXTS:
        text = getattr(span, name)
        if text is not None:
            setattr(span, name, clean(text))
    span.metadata = scrub(span.metadata)
    span.labels = scrub(span.labels)
    span.attributes = scrub(span.attributes)
    if span.scores:
        span.scores = [_score(score) for score in span.scores]
    return span


def _score(score: Score) -> Score:
    texts = {f: clean(v) for f in Score.__struct_fields__ if isinstance(v := getattr(score, f), str)}
    return msgspec.structs.replace(score, **texts)
