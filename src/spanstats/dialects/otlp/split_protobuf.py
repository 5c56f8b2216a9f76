"""An export request in protobuf taken apart into its spans, for bodies that cannot be decoded as a whole."""

from collections.abc import Iterator

from ...errors import InvalidInput
from .loose_protobuf import BYTES, CUT, Counted, Field

_RESOURCE_SPANS, _RESOURCE, _SPANS = 1, 1, 2
# `scope_spans`, and `instrumentation_library_spans` of the versions before 0.16, which hold their spans alike.
_SCOPE_SPANS = (2, 1000)
_MAX_FIELDS = 200_000
"""Of the messages around spans."""
_UNREADABLE: Field = (0, CUT, b"")

SpanBytes = tuple[bytes, bytes | None]
"""A resource and a span, undecoded."""


def split(body: bytes) -> Iterator[SpanBytes]:
    """(resource, span) of every span, each as bytes, in order; `None` for a part in which no further span is found."""
    counted = Counted(_MAX_FIELDS)
    for value in _messages(counted, body, (_RESOURCE_SPANS,)):
        yield from _of_resource(counted, value)


def _of_resource(counted: Counted, data: bytes | None) -> Iterator[SpanBytes]:
    if data is None:
        yield b"", None
        return
    resource = b"".join(value for value in _messages(counted, data, (_RESOURCE,)) if value is not None)
    for scope in _messages(counted, data, _SCOPE_SPANS):
        if scope is None:
            yield resource, None
            continue
        for span in _messages(counted, scope, (_SPANS,)):
            yield resource, span


def _messages(counted: Counted, data: bytes, numbers: tuple[int, ...]) -> Iterator[bytes | None]:
    """The messages under these numbers. One that is cut is given as far as it goes."""
    for number, wire_type, value in _readable(counted, data):
        if wire_type in (BYTES, CUT) and number in numbers:
            yield value
        elif wire_type == CUT:
            yield None


def _readable(counted: Counted, data: bytes) -> Iterator[Field]:
    try:
        yield from counted.fields(data)
    except InvalidInput:
        yield _UNREADABLE
