"""Which of several spans a value is from: the earliest that has it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from .span import Span

Order = tuple[int, str]
"""Start and span id (code point order, which is byte order of UTF-8): which of two spans is earlier."""


class First(msgspec.Struct, array_like=True):
    """The value of the earliest span that has one."""

    start_us: int
    span_id: str
    value: Any


def order_of(span: Span) -> Order:
    """Of a settled span, which has a start."""
    assert span.start_us is not None
    return span.start_us, span.span_id


def earlier(current: First | None, span: Span, value: object) -> First:
    """The value that counts once the span has come, which has this one."""
    start_us, span_id = span.start_us, span.span_id
    assert start_us is not None
    if current is not None and (current.start_us, current.span_id) < (start_us, span_id):
        return current
    return First(start_us, span_id, value)


def add_earlier(firsts: dict[str, First], span: Span, values: Mapping[str, object]) -> None:
    """The same of several values by key."""
    order = order_of(span)
    for key, value in values.items():
        first = firsts.get(key)
        if first is None or (first.start_us >= order[0] and order <= (first.start_us, first.span_id)):
            firsts[key] = First(*order, value)
