"""Text that PostgreSQL can hold: NUL and lone surrogates become U+FFFD in content; ids were refused before."""

from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import Any

import msgspec

from ..domain.span import Score, Span
from ..domain.values import clean

_FRAGMENT = 64 * 1024
"""Bytes, of which each second one may be bad: some ten milliseconds' work."""
_NUMBERS = frozenset({bool, int, float})
_TEXTS = ("name", "kind", "workflow_name", "status", "error", "model", "provider")


def text_of_utf8(data: bytes, instead: str = "\0") -> str:
    """The text, with `instead` for every run of bytes that is not UTF-8: content replaces a NUL, and ids refuse it."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "".join(_decoded(data, instead))


# The encoder writes a question mark for what it cannot encode: meanwhile NUL and the question marks that were sent are
# exchanged.
_CHANGED = bytes.maketrans(b"?\0", b"\0?")


def _decoded(data: bytes, instead: str) -> Iterator[str]:
    """The text by fragments: between two of them other threads get their turn."""
    decoder = getincrementaldecoder("utf-8")("surrogateescape")
    before = ""
    for at in range(0, len(data), _FRAGMENT):
        fragment = decoder.decode(data[at : at + _FRAGMENT].translate(_CHANGED), final=at + _FRAGMENT >= len(data))
        text = fragment.encode("utf-8", "replace").translate(_CHANGED).decode()
        while "\0\0" in text:
            text = text.replace("\0\0", "\0")
        yield (text[1:] if before.endswith("\0") and text.startswith("\0") else text).replace("\0", instead)
        before = text or before


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
    return span if _is_plain(span) else _with_storable_text(span)


def _is_plain(span: Span) -> bool:
    """Whether no text needs to be changed, as in nearly every span: one look at all of it is the fastest."""
    try:
        return b"\\u0000" not in _encode(span)
    except UnicodeEncodeError:
        return False


_encode = msgspec.json.Encoder().encode


def _with_storable_text(span: Span) -> Span:
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
