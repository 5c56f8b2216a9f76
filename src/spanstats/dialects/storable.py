"""Text that PostgreSQL can hold: NUL and lone surrogates become U+FFFD in content; ids were refused before."""

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import Any

import msgspec

from ..domain.span import Score, Span
from ..domain.values import clean

# What Python makes of bytes that are not UTF-8; bytes that are UTF-8 never become half a surrogate pair.
_BAD_BYTES = re.compile("[\udc80-\udcff]+")

_PIECE = 1024 * 1024
_NUMBERS = frozenset({bool, int, float})
_TEXTS = ("name", "kind", "workflow_name", "status", "error", "model", "provider")


def text_of_utf8(data: bytes, instead: str = "\0") -> str:
    """The text, with `instead` for every run of bytes that is not UTF-8: content replaces a NUL, and ids refuse it."""
    text = "".join(_decoded(data))
    # A function, so that other threads get their turn between two runs.
    return text if text.isascii() else _BAD_BYTES.sub(lambda _run: instead, text)


def _decoded(data: bytes) -> Iterator[str]:
    """The text, by pieces: bad bytes take long, and between two pieces other threads get their turn."""
    decoder = getincrementaldecoder("utf-8")("surrogateescape")
    for at in range(0, len(data), _PIECE):
        yield decoder.decode(data[at : at + _PIECE], final=at + _PIECE >= len(data))


def scrub(value: Any) -> Any:
    """A JSON value with every string in it, keys too, made storable."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [scrub(item) for item in value]
    if isinstance(value, dict):
        return value if _is_storable(value) else {clean(key): scrub(item) for key, item in value.items()}
    return value


def _is_storable(values: dict[str, Any]) -> bool:
    """Whether nothing in the object needs to be changed, as in nearly every one; `False` where that is not clear."""
    for key, value in values.items():
        if not (key.isascii() and "\0" not in key):
            return False
        if value.__class__ is str:
            if not (value.isascii() and "\0" not in value):
                return False
        elif value is not None and value.__class__ not in _NUMBERS:
            return False
    return True


def storable(span: Span) -> Span:
    """The span with all text but its ids and documents made storable: it changes the span itself."""
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
