"""What requests want of spans: filters in a query, fields to include, changes."""

from collections.abc import Mapping
from typing import Any

from ...domain.span import Span
from ...errors import invalid
from ...filters.span_fields import SPANS
from ..storable import scrub
from .filter_names import KEYED_PREFIXES, SPAN_FIELD_NAMES
from .log_changes import read_change
from .span_schema import FLAGS, TEXTS


def read_patch(body: dict[str, Any], span: Span) -> dict[str, Any]:
    """What a body changes in a span: feedback, note, pin; and all that `log_changes.read_change` reads.

    Raises `InvalidInput`.
    """
    patch = read_change(body, span)
    attributes = {}
    for names, type_, phrase in ((FLAGS, bool, "must be true or false"), (TEXTS, str, "must be text")):
        for name in names:
            value = body.get(name)
            if value is not None and not isinstance(value, type_):
                raise invalid(phrase, name)
            if name in body:
                attributes[name] = scrub(value)
    return patch | ({"attributes": attributes} if attributes else {})


_OF_QUERY_ITSELF = frozenset({"page", "page_size", "sort_by", "start_time", "end_time", "include_fields"})


def filters_of_query(query: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """The conditions that a query names as `field=value`; what is no field of a span is left alone."""
    return [
        {"field": name, "operator": "", "value": [value]}
        for name, value in query
        if value and name not in _OF_QUERY_ITSELF and _is_field(name)
    ]


def _is_field(name: str) -> bool:
    return SPAN_FIELD_NAMES.get(name, name) in SPANS.fields or name.startswith(tuple(KEYED_PREFIXES))


def only(shown: Mapping[str, Any], include_fields: str | None) -> dict[str, Any]:
    """What of a description is wanted: names joined by commas; the ids always."""
    if not include_fields:
        return dict(shown)
    names = {name.strip() for name in include_fields.split(",")} | {"id", "unique_id"}
    return {name: value for name, value in shown.items() if name in names}
