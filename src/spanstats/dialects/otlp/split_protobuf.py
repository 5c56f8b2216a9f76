"""An export request in protobuf taken apart into its spans, for bodies that cannot be decoded as a whole."""

from collections.abc import Iterator

from ...errors import InvalidInput
from .loose_protobuf import BYTES, CUT, Field, fields

_RESOURCE_SPANS, _RESOURCE, _SPANS = 1, 1, 2
# `scope_spans`, and `instrumentation_library_spans` of the versions before 0.16, which hold their spans alike.
_SCOPE_SPANS = (2, 1000)
_UNREADABLE: Field = (0, CUT, b"")

Part = tuple[bytes, bytes | None]


def split(body: bytes) -> list[Part]:
    """(resource, span) of every span, each as bytes, in order; `None` for a part in which no further span is found."""
    return [part for value in _messages(body, (_RESOURCE_SPANS,)) for part in _of_resource(value)]


def _of_resource(data: bytes | None) -> Iterator[Part]:
    if data is None:
        yield b"", None
        return
    resource = b"".join(value for value in _messages(data, (_RESOURCE,)) if value is not None)
    for scope in _messages(data, _SCOPE_SPANS):
        if scope is None:
            yield resource, None
            continue
        for span in _messages(scope, (_SPANS,)):
            yield resource, span


def _messages(data: bytes, numbers: tuple[int, ...]) -> Iterator[bytes | None]:
    """The messages under these numbers. One that is cut is given as far as it goes."""
    for number, wire_type, value in _readable(data):
        if wire_type in (BYTES, CUT) and number in numbers:
            yield value
        elif wire_type == CUT:
            yield None


def _readable(data: bytes) -> Iterator[Field]:
    try:
        yield from fields(data)
    except InvalidInput:
        yield _UNREADABLE
