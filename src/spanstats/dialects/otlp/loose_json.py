"""An export request in JSON in which some resource or scope is no object: what is wrong costs its own spans alone."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from ...errors import InvalidInput
from ..json_body import decoder, encode
from ..json_items import unreadable
from ..json_repair import Decoded, decode_items
from .json_request import Request, ResourceSpans, ScopeSpans

T = TypeVar("T")


class _Request(msgspec.Struct, rename="camel"):
    resource_spans: list[msgspec.Raw] | None = None


class _Unreadable(ScopeSpans):
    """Instead of a part that cannot be read: its one span is a text that says why."""


class _ResourceSpans(msgspec.Struct, rename="camel"):
    resource: msgspec.Raw = msgspec.Raw()
    scope_spans: list[msgspec.Raw] | None = None


def decode_request(body: bytes, path: bytes, item_depth: int) -> Decoded[Request]:
    """The request, with a text instead of each span, or of all spans of a part, that is no object: see `reason_of`.

    Raises `InvalidInput` where the body is no request, or no part of it can be read.
    """
    try:
        return decode_items(Request, body, path, item_depth)
    except InvalidInput as error:
        if error.problems[0].code != "json_type":
            raise
        request = _decode_raws(body, path, item_depth)
        if request is None:
            raise
    return request


def _decode_raws(body: bytes, path: bytes, item_depth: int) -> Decoded[Request] | None:
    try:
        loose = decode_items(_Request, body, path, item_depth)
    except InvalidInput:
        return None
    resources = [resource for raw in loose.value.resource_spans or () for resource in _resources(raw)]
    scopes = [scope for resource in resources for scope in resource.scope_spans or ()]
    if all(isinstance(scope, _Unreadable) for scope in scopes):
        return None
    return Decoded(Request(resources), loose.escapes, loose.mended)


def _resources(raw: msgspec.Raw) -> Iterator[ResourceSpans]:
    whole = _decoded(ResourceSpans, raw)
    if not isinstance(whole, str):
        yield whole
        return
    loose = _decoded(_ResourceSpans, raw)
    if isinstance(loose, str):
        yield ResourceSpans(scope_spans=[_unreadable(loose)])
    else:
        yield ResourceSpans(loose.resource, list(_scopes(loose.scope_spans or ())))


def _scopes(scopes: Iterable[msgspec.Raw]) -> Iterator[ScopeSpans]:
    for raw in scopes:
        scope = _decoded(ScopeSpans, raw)
        yield _unreadable(scope) if isinstance(scope, str) else scope


def _decoded(type_: type[T], raw: msgspec.Raw) -> T | str:
    """The value, or what is wrong with it."""
    try:
        return decoder(type_).decode(raw)
    except (msgspec.DecodeError, ValueError) as error:
        return str(error)


def _unreadable(reason: str) -> ScopeSpans:
    return _Unreadable([msgspec.Raw(encode(unreadable(f"a part of the request: {reason}")).encode())])
