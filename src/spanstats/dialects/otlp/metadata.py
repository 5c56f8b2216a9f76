"""What of a span's attributes is its metadata, and what stays an attribute."""

from typing import Any

from ...domain.span import Span
from ...errors import InvalidInput
from ..json_body import as_object_or_none
from ..normalize import cut_large, metadata_of, text_of
from .attributes import REQUEST_MODELS
from .classify import Classified

_PROMPT_FIELDS = ("prompt_id", "prompt_name", "prompt_version_number")


def take_metadata(by: Classified) -> dict[str, Any] | None:
    """The metadata, `None` without any; names for which it has no room go to `rest`.

    Raises `InvalidInput` where it is too large.
    """
    if "metadata" in by.object:
        value = by.object["metadata"][0]
        objects = as_object_or_none(value)
        by.metadata = {**({"metadata": value} if objects is None else objects), **by.metadata}
    if not by.plain and not by.metadata:
        return None
    try:
        return metadata_of({**by.plain, **by.metadata}, "metadata")
    except InvalidInput:
        # The plain ones were not sent as metadata: where there is no room, they are attributes.
        by.rest |= by.plain
        return metadata_of(by.metadata, "metadata")


def add_attributes(span: Span, by: Classified) -> None:
    """Keep what no field holds: objects, what a prompt names, the model that was requested, all other attributes."""
    attributes = span.attributes
    for name in ("prompt", "properties") if by.object else ():
        if name in by.object:
            value = by.object[name][0]
            attributes[name] = value if (object_ := as_object_or_none(value)) is None else object_
    if isinstance(prompt := attributes.get("prompt"), dict):
        for name in _PROMPT_FIELDS:
            if prompt.get(name) is not None:
                attributes.setdefault(name, prompt[name])
    if not by.rest:
        return
    requested = next((name for name in REQUEST_MODELS if name in by.rest), None)
    if requested is not None and (text := text_of(by.rest[requested])):
        attributes["request_model"] = text
        del by.rest[requested]
    attributes |= cut_large(by.rest)
