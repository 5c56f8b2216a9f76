"""Parea's update of a log, `PUT /trace_log`: exactly the named fields, null included."""

from typing import Any

import msgspec

from ...domain.values import cut, identifier
from ...errors import InvalidInput, invalid
from ..json_limits import MAX_DEPTH
from ..json_repair import decode_stored
from ..normalize import MAX_MODEL_BYTES, MAX_NAME_CHARACTERS
from ..storable import scrub
from .fields import ATTRIBUTES, LABELS, SPAN_FIELDS, text

_FIELD = "field_name_to_value_map"


class UpdateLog(msgspec.Struct):
    """The body: a log's id and its new values by name. `root_trace_id` may come along and is not needed."""

    trace_id: Any = None
    field_name_to_value_map: Any = None


def read_patch(body: bytes, max_depth: int = MAX_DEPTH) -> tuple[str, dict[str, Any]]:
    """(span id, domain field -> value) with null kept; names that are no log fields, and ids, are ignored.

    Under `labels` and `attributes` are the keys to replace. Raises `InvalidInput`.
    """
    decoded = decode_stored(UpdateLog, body, max_depth)
    update = decoded.value
    span_id = identifier(update.trace_id, "trace_id")
    if span_id is None:
        raise invalid("field required", "trace_id", code="missing")
    if not isinstance(update.field_name_to_value_map, dict):
        raise invalid("must be an object", _FIELD, code="dict_type")
    values = update.field_name_to_value_map
    try:
        return span_id, patch(scrub(values) if decoded.unstorable else values)
    except InvalidInput as error:
        raise InvalidInput([p.under(_FIELD) for p in error.problems]) from None


def patch(values: dict[str, Any]) -> dict[str, Any]:
    """The domain fields that Parea's fields replace."""
    fields: dict[str, Any] = {}
    for name, value in values.items():
        if name in SPAN_FIELDS:
            field, read = SPAN_FIELDS[name]
            fields[field] = read(value, name)
        elif name in LABELS:
            fields.setdefault("labels", {})[LABELS[name]] = text(value, name)
        elif name in ATTRIBUTES:
            fields.setdefault("attributes", {})[name] = value
    if "configuration" in values:
        fields |= _configured(values["configuration"])
    if fields.get("name"):
        fields["name"] = fields["name"][:MAX_NAME_CHARACTERS]
    return fields


def _configured(configuration: object) -> dict[str, str | None]:
    """The model and provider of a configuration, which is replaced whole."""
    fields = configuration if isinstance(configuration, dict) else {}
    model, provider = text(fields.get("model"), "model"), text(fields.get("provider"), "provider")
    return {"model": cut(model, MAX_MODEL_BYTES), "provider": provider}
