"""Results of evaluators that instrumentations send as events and attributes of a span, as scores of that span."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ...domain.span import Score
from ...domain.values import clean, cut, is_clean, number
from ...errors import InvalidInput
from ..normalize import text_of
from ..numbers import is_unknown

MAX_KEY_BYTES = 200

EVENT_PREFIX = "gen_ai.evaluation"
"""OpenTelemetry GenAI: `gen_ai.evaluation.result`; before it `gen_ai.evaluation.<name>`."""

# field of a score -> names in an event or among the attributes of a span, each with who sends it
FIELDS: dict[str, dict[str, str]] = {
    "name": {"gen_ai.evaluation.name": "OpenTelemetry GenAI"},
    "value": {
        "gen_ai.evaluation.score.value": "OpenTelemetry GenAI",
        "gen_ai.evaluation.score": "OpenTelemetry GenAI before 1.37",
    },
    "label": {
        "gen_ai.evaluation.score.label": "OpenTelemetry GenAI",
        "gen_ai.evaluation.label": "OpenTelemetry GenAI before 1.37",
    },
    "reason": {
        "gen_ai.evaluation.explanation": "OpenTelemetry GenAI",
        "gen_ai.evaluation.reasoning": "OpenTelemetry GenAI before 1.37",
    },
}

# Numbered results among the attributes of a span: `evaluations.0.evaluation.score`; by what follows the number.
NUMBERED: dict[str, str] = {
    "evaluations.": "evaluation.",
    "trace.evaluations.": "evaluation.",
    "session.evaluations.": "evaluation.",
    "annotations.": "annotation.",
    "trace.annotations.": "annotation.",
    "session.annotations.": "annotation.",
}
_BEGINNINGS = (EVENT_PREFIX, *NUMBERED)
_NUMBERED_FIELDS = {"name": "name", "score": "value", "label": "label", "explanation": "reason"}


def is_evaluation(event_name: str | None) -> bool:
    """Whether an event of this name is the result of an evaluator."""
    return event_name is not None and event_name.startswith(EVENT_PREFIX)


def of_event(event_name: str, attributes: Mapping[str, Any]) -> Score | None:
    """The score that an event reports, `None` where it has no name, or neither value nor label."""
    result = _fields(attributes)
    suffix = event_name.removeprefix(EVENT_PREFIX).lstrip(".")
    if "name" not in result and suffix not in ("", "result"):
        result["name"] = suffix
    return _score(result)


def of_attributes(attributes: Mapping[str, Any], span_name: str | None) -> list[Score]:
    """The scores among the attributes of a span; one without a name of its own is named after the span."""
    for name in attributes:
        if name.startswith(_BEGINNINGS):
            break
    else:
        return []
    single = _fields(attributes)
    if "value" in single or "label" in single:
        single.setdefault("name", span_name)
    results = [single, *_numbered(attributes)]
    return [score for result in results if (score := _score(result)) is not None]


def _fields(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        field: next(attributes[name] for name in names if name in attributes)
        for field, names in FIELDS.items()
        if any(name in attributes for name in names)
    }


def _numbered(attributes: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    results: dict[tuple[str, int], dict[str, Any]] = {}
    for name, value in attributes.items():
        for prefix, inner in NUMBERED.items():
            if name.startswith(prefix):
                digits, _, field = name[len(prefix) :].partition(f".{inner}")
                if digits.isdecimal() and len(digits) < 7 and field in _NUMBERED_FIELDS:
                    results.setdefault((prefix, int(digits)), {})[_NUMBERED_FIELDS[field]] = value
    return [result for _, result in sorted(results.items())]


def _score(result: Mapping[str, Any]) -> Score | None:
    key = cut(text_of(result.get("name")), MAX_KEY_BYTES)
    value, label, reason = _finite(result.get("value")), text_of(result.get("label")), text_of(result.get("reason"))
    if key is None or not is_clean(key) or (value is None and label is None):
        return None
    is_boolean = isinstance(result.get("value"), bool)
    return Score(
        key=key,
        value=value,
        value_type="categorical" if value is None else "boolean" if is_boolean else "numerical",
        text=None if label is None else clean(label),
        reason=None if reason is None else clean(reason),
        name=key,
    )


def _finite(value: object) -> float | None:
    """A number as a double, true and false as 1 and 0; `None` where it is not known or no number."""
    if isinstance(value, bool):
        return float(value)
    if is_unknown(value):
        return None
    try:
        double = float(number(value, "score"))
    except (InvalidInput, OverflowError):
        return None
    return double if math.isfinite(double) else None
