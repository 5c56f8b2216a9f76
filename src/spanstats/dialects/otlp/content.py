"""What a span was given and what it answered: from documents and from numbered messages."""

from ...domain.span import Span
from ..document import SENT_AS_TEXT, from_value, parsed
from .classify import Classified


def add_content(span: Span, by: Classified) -> None:
    """Change the input and the output to what was sent, and note what cannot be seen of them."""
    if "input" in by.span or "output" in by.span:
        _add_plain_content(span, by)
        _note_texts(span, by)
    _add_messages(span, by)


def _add_plain_content(span: Span, by: Classified) -> None:
    """OpenInference says by a media type that its text is no JSON, even where it looks like it."""
    for field, attribute in (("input", "input_mime_type"), ("output", "output_mime_type")):
        media_type = span.attributes.get(attribute)
        if media_type is None:
            continue
        value, name = by.span.get(field, (None, ""))
        if "json" not in str(media_type) and name == f"{field}.value" and isinstance(value, str):
            setattr(span, field, from_value(value))


def _note_texts(span: Span, by: Classified) -> None:
    """Text that is JSON is kept as that; lists of spans answer it as the text that it was sent as."""
    documents = ("input", span.input), ("output", span.output)
    texts = [
        field
        for field, document in documents
        if document is not None and document[0] in "{[" and isinstance(by.span[field][0], str)
    ]
    if texts:
        span.attributes[SENT_AS_TEXT] = texts


def _add_messages(span: Span, by: Classified) -> None:
    """Numbered messages are the content where no other came, else an attribute where they say something else."""
    for field, messages in by.messages.items():
        listed = messages.listed()
        content = listed[0] if field == "output" and len(listed) == 1 else listed
        if getattr(span, field) is None:
            setattr(span, field, from_value(content))
        elif parsed(getattr(span, field)) != content:
            span.attributes[f"{field}_messages"] = listed
