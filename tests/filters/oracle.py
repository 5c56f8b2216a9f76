"""What a filter means, in plain Python over spans: independent of binding and SQL, and slow."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from typing import Any

from spanstats.domain.span import Span
from spanstats.filters.operators import Operator
from spanstats.filters.predicate import Condition, Group

Getter = Callable[[Span], Any]
SCORES = "scores"
METADATA = "metadata"


def seconds(us: int | None) -> Decimal | None:
    return None if us is None else Decimal(us) / 10**6


def dollars(pd: int | None) -> Decimal | None:
    return None if pd is None else Decimal(pd) / 10**12


def tokens_per_second(span: Span) -> Decimal | None:
    if not span.latency_us or not span.completion_tokens:
        return None
    exact = Decimal(span.completion_tokens * 10**9) / span.latency_us
    return exact.quantize(Decimal(1), ROUND_HALF_EVEN) / 1000


OF_SPAN: dict[str, Getter] = {
    "span_unique_id": lambda s: s.span_id,
    "span_parent_id": lambda s: s.parent_id,
    "span_name": lambda s: s.name,
    "model": lambda s: s.model,
    "status": lambda s: s.status,
    "latency": lambda s: seconds(s.latency_us),
    "cost": lambda s: dollars(s.cost_pd),
    "time_to_first_token": lambda s: seconds(s.ttft_us),
    "tokens_per_second": tokens_per_second,
    "prompt_tokens": lambda s: s.prompt_tokens,
    "status_code": lambda s: s.status_code,
    "provider_id": lambda s: s.provider,
    "routing_time": lambda s: s.attributes.get("routing_time"),
    "prompt_version_number": lambda s: s.attributes.get("prompt_version_number"),
    "stream": lambda s: s.attributes.get("stream"),
    "environment": lambda s: s.labels.get("environment"),
    "is_root_span": lambda s: s.parent_id is None,
    "error_message": lambda s: s.error,
    "prompt_name": lambda s: s.attributes.get("prompt_name"),
}
"""What a span's field holds, in the units of the wire, `None` where it has no value."""


@dataclass(frozen=True)
class Rules:
    """How rows differ: whether scores are compared by the billionth, and which fields' negations need a value."""

    rounds: bool = True
    needs_value: frozenset[str] = frozenset({METADATA, SCORES})


TIMES = frozenset({"start_time", "end_time"})
STATUSES = frozenset({"status"})


def earliest_first(spans: Sequence[Span]) -> list[Span]:
    """The trace's root, then its other spans by start and id."""
    ordered = sorted(spans, key=lambda s: (s.start_us, s.span_id))
    root = root_of(spans)
    return sorted(ordered, key=lambda s: s is not root)


def root_of(spans: Sequence[Span]) -> Span | None:
    roots = [s for s in spans if s.parent_id is None]
    return min(roots, key=lambda s: (s.start_us, s.span_id), default=None)


def first_of(spans: Sequence[Span], get: Getter) -> Any:
    return next((value for s in earliest_first(spans) if (value := get(s)) is not None), None)


def total(spans: Sequence[Span], name: str) -> int:
    return sum(getattr(s, name) or 0 for s in spans)


def latency_of(spans: Sequence[Span]) -> int | None:
    root = root_of(spans)
    return root.latency_us if root else max(s.end_us or 0 for s in spans) - min(s.start_us or 0 for s in spans)


def status_of(spans: Sequence[Span]) -> str | None:
    root = root_of(spans)
    return root.status if root else "error" if any(s.status == "error" for s in spans) else "success"


OF_TRACE: dict[str, Callable[[Sequence[Span]], Any]] = {
    "trace_unique_id": lambda t: t[0].trace_id,
    "root_span_unique_id": lambda t: getattr(root_of(t), "span_id", None),
    "name": lambda t: getattr(root_of(t), "name", None),
    "status": status_of,
    "start_time": lambda t: r.start_us if (r := root_of(t)) else min(s.start_us or 0 for s in t),
    "duration": lambda t: seconds(latency_of(t)),
    "total_cost": lambda t: dollars(total(t, "cost_pd")) if any(s.cost_pd is not None for s in t) else None,
    "total_prompt_tokens": lambda t: total(t, "prompt_tokens"),
    "span_count": len,
    "error_count": lambda t: sum(s.status == "error" for s in t),
    "environment": lambda t: first_of(t, lambda s: s.labels.get("environment")),
}
"""What a trace's own field holds."""


def values_of_span(span: Span, field: str, key: str | None) -> list[Any]:
    if field == SCORES:
        return [s.value for s in span.scores or () if s.key == key]
    value = at_key(span.metadata or {}, key or "") if field == METADATA else OF_SPAN[field](span)
    return [] if value is None else [value]


def at_key(document: dict[str, Any], key: str) -> Any:
    """The value of the key itself, else what its steps lead to through objects."""
    if document.get(key) is not None:
        return document[key]
    value: Any = document
    for step in key.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def values_of_trace(spans: Sequence[Span], field: str, key: str | None) -> list[Any]:
    """The values that a condition on a trace is about: none, its own, or those of all its spans or scores."""
    if field in OF_TRACE or field == METADATA:
        value = OF_TRACE[field](spans) if field in OF_TRACE else at_key(joined_metadata(spans), key or "")
        return [] if value is None else [value]
    values = [value for span in spans for value in values_of_span(span, field, key)]
    return [rounded(v) for v in values] if field == SCORES else values


def joined_metadata(spans: Sequence[Span]) -> dict[str, Any]:
    """The union over the spans: the root's value of a key wins, then the earliest span's."""
    keys = {key for span in spans for key in span.metadata or {}}
    return {key: first_of(spans, partial(metadata_value, key)) for key in keys}


def metadata_value(key: str, span: Span) -> Any:
    return (span.metadata or {}).get(key)


def values_of_root(spans: Sequence[Span], root: Span, field: str, key: str | None) -> list[Any]:
    """The values that a condition on a root log is about: the root's own, or all scores of the trace."""
    return values_of_trace(spans, SCORES, key) if field == SCORES else values_of_span(root, field, key)


def rounded(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(repr(value)).quantize(Decimal("1e-9"), ROUND_HALF_EVEN)


def holds(node: Condition | Group, values: Callable[[str, str | None], list[Any]], rules: Rules) -> bool:
    """Whether a row with these values passes."""
    if isinstance(node, Group) and node.is_range:
        first = node.members[0]
        assert isinstance(first, Condition)
        present = values(first.field, first.key)
        return any(all(holds(m, lambda *_, v=value: [v], rules) for m in node.members) for value in present)
    if isinstance(node, Group):
        return (all if node.connector == "AND" else any)(holds(m, values, rules) for m in node.members)
    present = values(node.field, node.key)
    name, negated = positive(node)
    passed = found_any(name, present, node, rules)
    if not negated:
        return passed
    presence = name in (Operator.EXISTS, Operator.NOT_EMPTY)
    return not passed and (presence or bool(present) or node.field not in rules.needs_value)


def positive(node: Condition) -> tuple[Operator, bool]:
    if node.operator is Operator.ISNULL:
        return Operator.EXISTS, node.values == (True,)
    if node.operator is Operator.EMPTY:
        return Operator.NOT_EMPTY, True
    name = node.operator.value
    negated = name.startswith("not_") and node.operator is not Operator.NOT_EMPTY
    return Operator(name.removeprefix("not_")) if negated else node.operator, negated


def found_any(name: Operator, present: list[Any], node: Condition, rules: Rules) -> bool:
    if name is Operator.EXISTS:
        return bool(present)
    if name is Operator.NOT_EMPTY:
        return any(value != "" for value in present)
    if name is Operator.EQUALS and None in node.values and not present:
        return True
    return any(passes(name, value, node, rules) for value in present if value is not None)


def passes(name: Operator, value: Any, node: Condition, rules: Rules) -> bool:
    literals = [v for v in node.values if v is not None]
    if name in (Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.BETWEEN):
        if isinstance(value, str | bool | list | dict):
            return False
        return ordered(name, number(node.field, value), [literal(node.field, v, rules) for v in literals])
    if name is Operator.EQUALS:
        return any(equal(node.field, value, v, rules) for v in literals)
    # A pattern is no word of a status, but a text that words are searched with.
    one = as_text(literals[0]) if name is Operator.REGEX else text_of(literals[0], node.field)
    return textual(name, as_text(value), one)


def number(field: str, value: Any) -> Any:
    return value if field in TIMES else Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def literal(field: str, written: Any, rules: Rules) -> Any:
    if field in TIMES:
        moment = datetime.fromisoformat(written)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return (delta.days * 86400 + delta.seconds) * 10**6 + delta.microseconds
    exact = Decimal(str(written))
    if field == SCORES:
        return exact if not rules.rounds or abs(exact) > 10**10 else exact.quantize(Decimal("1e-9"), ROUND_HALF_EVEN)
    return exact


def ordered(name: Operator, value: Any, bounds: list[Any]) -> bool:
    if name is Operator.BETWEEN:
        return bool(bounds[0] <= value <= bounds[1])
    tests = {"gt": value > bounds[0], "gte": value >= bounds[0], "lt": value < bounds[0], "lte": value <= bounds[0]}
    return bool(tests[name.value])


def equal(field: str, value: Any, written: Any, rules: Rules) -> bool:
    if field == METADATA:
        elements = value if isinstance(value, list) else []
        return as_text(value) == as_text(written) or any(equal_scalars(v, written) for v in (value, *elements))
    if isinstance(value, bool):
        return value == (written in (True, "true"))
    if isinstance(value, str) or field in ("status_code", "prompt_version_number"):
        return as_text(value) == text_of(written, field)
    return bool(number(field, value) == literal(field, written, rules))


def equal_scalars(value: Any, written: Any) -> bool:
    """Numbers by value, also where one is written as a text of JSON; all else by text."""
    if isinstance(value, int | float) and not isinstance(value, bool | None):
        return numeric(as_text(written)) == numeric(as_text(value))
    return not isinstance(value, list | dict) and as_text(value) == as_text(written)


def numeric(text: str) -> Decimal | None:
    try:
        number = json.loads(text, parse_int=Decimal, parse_float=Decimal, parse_constant=lambda _: None)
    except ValueError:
        return None
    return number if isinstance(number, Decimal) and text == text.strip() else None


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def text_of(written: Any, field: str) -> str:
    synonyms = {"completed": "success", "ok": "success", "failed": "error"}
    text = as_text(written)
    return synonyms.get(text.lower(), text.lower()) if field in STATUSES else text


def textual(name: Operator, value: str, operand: str) -> bool:
    match name:
        case Operator.CONTAINS:
            return operand.lower() in value.lower()
        case Operator.STARTSWITH:
            return value.startswith(operand)
        case Operator.ENDSWITH:
            return value.endswith(operand)
        case Operator.IEXACT:
            return operand.lower() == value.lower()
        case Operator.ILIKE:
            parts = {"%": ".*", "_": "."}
            pattern = "".join(parts.get(c, re.escape(c)) for c in operand.lower())
            return re.fullmatch(pattern, value.lower(), re.DOTALL) is not None
        case Operator.REGEX:
            # Python's `$` also looks before a last newline.
            return re.search(operand.replace("$", r"\Z"), value, re.ASCII | re.DOTALL) is not None
    raise AssertionError(name)
