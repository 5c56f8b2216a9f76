"""Respan's flat span: the body of `request-logs` and each item of `traces/ingest`. Unknown keys are ignored."""

from typing import Any
from uuid import uuid4

from ...domain.span import Span, normal_status
from ...domain.times import instant
from ...domain.values import MAX_COST_PD, PICO, identifier, scaled
from ...errors import invalid
from ..batch import MAX_SPANS, Batch, check_count, read_each
from ..document import from_value
from ..json_body import as_object_or_none
from ..json_escapes import Escapes
from ..json_items import reason_of
from ..json_limits import MAX_DEPTH
from ..json_repair import decode_list, decoded_item
from ..names.blocks import read_block
from ..names.reading import merged, own_numbers, read_first_token, read_usage
from ..normalize import metadata_of, shorten, text_of, without_empty
from ..numbers import is_unknown, known_seconds
from ..storable import storable
from .evaluator import add_evaluator_scores
from .flat_fields import ATTRIBUTES, CUSTOMER, INPUT, LABELS, OUTPUT, TEXTS, WRAPPERS
from .metadata import add_from_metadata
from .outcome import http_status

_NO_OBJECT: dict[str, Any] = {}


def read_batch(body: bytes, *, max_spans: int = MAX_SPANS, max_depth: int = MAX_DEPTH) -> Batch:
    """The spans of `POST /api/v1/traces/ingest`: a list, or `{"data": [...]}`.

    Raises `InvalidInput` where the body as a whole cannot be read, `TooLarge` above the limit of spans.
    """
    # An item has the levels of its values, and its own.
    decoded = decode_list(body, "data", max_depth + 1, bare=True)
    if decoded.value is None:
        raise invalid("must be a list of spans, or an object with them under data", code="list_type")
    check_count(len(decoded.value), max_spans)
    # Only an escape can bring in what PostgreSQL cannot hold.
    clean = decoded.escapes is Escapes.NONE
    return read_each(decoded.value, lambda item: read_flat(decoded_item(item), clean=clean, ingested=True))


def read_flat(item: object, *, clean: bool = False, ingested: bool = False) -> Span:
    """One span. Ids that are absent are made: a trace of its own. Raises `InvalidInput`.

    `clean` says that no text of the item holds NUL or lone surrogates. `ingested` spans are those of instrumentations,
    which repeat usage where they say what kind of span it is; what a person logs counts as sent.
    """
    if not isinstance(item, dict):
        raise invalid(reason_of(item) or "must be an object", code="dict_type")
    flat = _unwrapped(item)
    span = _span(flat, ingested=ingested)
    _add_times(span, flat)
    _add_usage(span, flat)
    if flat.get("disable_log") is not True:
        _add_content(span, flat)
    add_from_metadata(span, flat.get("experiment_id"))
    add_evaluator_scores(span)
    # JSON text inside of a text has escapes of its own.
    is_clean = clean and not isinstance(flat.get("metadata"), str)
    return shorten(span) if is_clean else storable(shorten(span))


def _span(flat: dict[str, Any], *, ingested: bool) -> Span:
    trace_id, span_id = _ids(flat)
    kind = (text_of(flat.get("log_type")) or "").lower() or None
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        usage_once=ingested and kind is not None,
        parent_id=identifier(flat.get("span_parent_id"), "span_parent_id"),
        kind=kind,
        status=normal_status(text_of(flat.get("status"))),
        status_code=http_status(flat.get("status_code")),
        provider=text_of(flat.get("provider_id")) or text_of(flat.get("provider")),
        prompt_price_pd=_unit_price(flat, "prompt_unit_price"),
        completion_price_pd=_unit_price(flat, "completion_unit_price"),
        metadata=metadata_of(as_object_or_none(flat.get("metadata")), "metadata"),
        labels=_labels(flat, _object(flat.get("customer_params"))),
        attributes=_attributes(flat),
        **_texts(flat),
    )


def _unwrapped(item: dict[str, Any]) -> dict[str, Any]:
    """The item updated by the objects that wrap some of its keys; nulls in them update nothing."""
    if item.keys().isdisjoint(WRAPPERS):
        return item
    flat = item
    for name in WRAPPERS:
        if isinstance(wrapped := item.get(name), dict):
            flat = {**flat, **{k: v for k, v in wrapped.items() if v is not None}}
    return flat


def _ids(flat: dict[str, Any]) -> tuple[str, str]:
    """(trace id, span id). A span without a trace is a trace of its own, so a repeat of it is the same one."""
    trace_id = identifier(flat.get("trace_unique_id"), "trace_unique_id")
    span_id = identifier(flat.get("span_unique_id"), "span_unique_id")
    return trace_id or span_id or uuid4().hex, span_id or uuid4().hex


def _add_times(span: Span, flat: dict[str, Any]) -> None:
    """Start, end and latency as sent; `timestamp` is the end. What is missing is derived once the span is merged: a
    start that is derived here would pass for one that was sent."""
    span.latency_us = known_seconds(flat.get("latency"), "latency")
    if span.latency_us is None:
        span.latency_us = known_seconds(flat.get("generation_time"), "generation_time")
    span.end_us = instant(flat.get("timestamp"), "timestamp")
    span.start_us = instant(flat.get("start_time"), "start_time")


def _add_usage(span: Span, flat: dict[str, Any]) -> None:
    """Tokens, cost and first token: the span's own keys first, then its `usage` block; never added together."""
    numbers = own_numbers(flat)
    if (block := as_object_or_none(flat.get("usage"))) is not None:
        numbers = merged([numbers, read_block(block)])
    if not numbers:
        return
    usage = read_usage(numbers, span.model, span.provider)
    for field, number in usage.fields.items():
        setattr(span, field, number)
    if usage.details:
        span.attributes = {**span.attributes, **usage.details}
    if "service_tier" in numbers:
        span.attributes = {"service_tier": numbers["service_tier"][0], **span.attributes}
    if "ttft_us" in numbers:
        span.ttft_us = read_first_token(*numbers["ttft_us"], span.start_us)


def _unit_price(flat: dict[str, Any], field: str) -> int | None:
    """Dollars per million tokens as picodollars per million tokens."""
    if field not in flat or is_unknown(flat[field]):
        return None
    return scaled(flat[field], field, PICO, MAX_COST_PD, "0 to 100,000 dollars per million tokens")


def _add_content(span: Span, flat: dict[str, Any]) -> None:
    span.input = _document(flat, INPUT)
    span.output = _document(flat, OUTPUT)
    span.target = from_value(flat.get("expected_output"))


def _document(flat: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        if (text := from_value(flat.get(name))) is not None:
            return text
    return None


def _attributes(flat: dict[str, Any]) -> dict[str, Any]:
    return {} if ATTRIBUTES.isdisjoint(flat) else without_empty({k: v for k, v in flat.items() if k in ATTRIBUTES})


def _texts(flat: dict[str, Any]) -> dict[str, Any]:
    return {field: text_of(flat.get(key)) for field, key in TEXTS.items()}


def _labels(flat: dict[str, Any], customer: dict[str, Any]) -> dict[str, str]:
    labels = {}
    if not LABELS.keys().isdisjoint(flat):
        labels = {label: text for key, label in LABELS.items() if (text := text_of(flat.get(key)))}
    if customer:
        others = {label: text for key, label in CUSTOMER.items() if (text := text_of(customer.get(key)))}
        labels = {**others, **labels}
    return labels


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else _NO_OBJECT
