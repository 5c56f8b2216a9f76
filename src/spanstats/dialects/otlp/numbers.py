"""A span's tokens, costs and time to the first token: by their own names, out of a block, or from an event."""

from ...domain.span import Span
from ..names.blocks import FieldValues, read_blocks
from ..names.reading import NUMBERS, merged, read_first_token, read_usage
from ..names.usage import FIRST_TOKEN_EVENTS
from .classify import Classified
from .wire import WireSpan


def add_numbers(span: Span, by: Classified) -> None:
    """Tokens, costs and what a price follows from: by their own names, else out of a block."""
    values: FieldValues = {f: (value, NUMBERS[name]) for f, (value, name) in by.number.items() if f != "ttft_us"}
    if by.block:
        values = merged([values, *read_blocks(by.block)])
    if not values:
        return
    usage = read_usage(values, span.model, span.provider)
    for field, number in usage.fields.items():
        setattr(span, field, number)
    span.attributes |= usage.details
    if "service_tier" in values:
        span.attributes.setdefault("service_tier", values["service_tier"][0])


def add_first_token(span: Span, by: Classified, wire: WireSpan) -> None:
    """As sent, else the first event that reports it."""
    if "ttft_us" in by.number:
        value, name = by.number["ttft_us"]
        span.ttft_us = read_first_token(value, NUMBERS[name], span.start_us)
    if span.ttft_us is None and wire.events and wire.start_ns:
        times = [e.time_ns for e in wire.events if e.name in FIRST_TOKEN_EVENTS and e.time_ns > wire.start_ns]
        span.ttft_us = (min(times) - wire.start_ns) // 1000 or None if times else None
