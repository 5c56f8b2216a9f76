"""Export requests in JSON under other names than today's: protobuf's own (`resource_spans`), and those before 0.16."""

import re
from typing import Any

from ..json_body import encode
from ..json_limits import MAX_MARKS
from ..json_repair import decode_items

_UNDERSCORE = re.compile("_([a-z])")
_SCOPES, _OLD_SCOPES = "scopeSpans", "instrumentationLibrarySpans"
_MARKS = (b'_spans"', b'instrumentationLibrarySpans"')


def under_current_names(body: bytes, path: bytes, item_depth: int) -> bytes | None:
    """The body as it would be sent today, `None` where it has no older names.

    Only names of fields change: those of attributes are values in OTLP's JSON. Raises `InvalidInput`.
    """
    if not any(mark in body for mark in _MARKS):
        return None
    return encode(_renamed(decode_items(object, body, path, item_depth, MAX_MARKS).value)).encode()


def _renamed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    if not isinstance(value, dict):
        return value
    members = {_UNDERSCORE.sub(lambda m: m[1].upper(), name): _renamed(item) for name, item in value.items()}
    if old := members.pop(_OLD_SCOPES, None):
        members[_SCOPES] = members.get(_SCOPES) or old
    return members
