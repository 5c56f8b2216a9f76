"""Bodies and answers of comparisons as they are described to clients."""

from typing import Any

from ...comparison.correction import CORRECTIONS
from ...comparison.ordering import Order, Show
from ...comparison.request import MOST_CANDIDATES, MOST_MEASURES
from ...comparison.rows import MOST_ROWS

_TIME = {"type": ["string", "null"], "description": "ISO 8601; without zone UTC", "maxLength": 64}
ARM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Traces of an experiment that match a filter, as the summary's, and start in a window",
    "properties": {
        "experiment_id": {"type": "string", "minLength": 1, "maxLength": 256},
        "filters": {"description": "As in the body of the summary"},
        "operator": {"description": "How the filters are joined: AND or OR"},
        "start_time": _TIME,
        "end_time": _TIME,
    },
    "required": ["experiment_id"],
    "additionalProperties": False,
}
_MARGIN = {
    "description": "A difference that does not matter: in the measure's unit, or a part of the base's mean as `5%`",
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\d{1,9}(\.\d{1,9})?%?$"}],
}
_PAIRING = "auto, input, comparison_key, custom_identifier, name or metadata.<key>"
PROPERTIES: dict[str, Any] = {
    "base": ARM_SCHEMA,
    "candidates": {"type": "array", "items": ARM_SCHEMA, "minItems": 1, "maxItems": MOST_CANDIDATES},
    "pair_by": {
        "type": ["string", "null"],
        "description": f"What makes two traces the same item: {_PAIRING}; none compares the arms as a whole",
    },
    "measures": {
        "type": ["array", "null"],
        "items": {"type": "string"},
        "minItems": 1,
        "maxItems": MOST_MEASURES,
        "description": "Absent: the eight usual ones and every score of either arm. Scores are `scores.<name>`",
    },
    "better": {
        "type": ["object", "null"],
        "additionalProperties": {"enum": ["higher", "lower"]},
        "description": "Which way is better, by measure, where it is not the usual one",
    },
    "margins": {"type": ["object", "null"], "additionalProperties": _MARGIN},
    "cluster_by": {
        "type": ["string", "null"],
        "description": "What items have in common that makes their errors alike: metadata.<key>, a label or the name",
    },
    "missing": {"enum": ["exclude", "zero", None], "description": "Whether a trace without a score counts as 0"},
    "confidence": {"type": ["number", "null"], "exclusiveMinimum": 0.5, "maximum": 0.9999},
    "correction": {"enum": [*sorted(CORRECTIONS), None], "description": "For many tests at once"},
}
EXAMPLE: dict[str, Any] = {
    "base": {"experiment_id": "run-a"},
    "candidates": [{"experiment_id": "run-b"}],
    "margins": {"scores.exact": 0.01, "cost": "5%"},
}
COMPARE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": PROPERTIES,
    "required": ["base", "candidates"],
    "additionalProperties": False,
    "examples": [EXAMPLE],
}
ROWS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **PROPERTIES,
        "measure": {"type": "string", "minLength": 1, "description": "Whose values are shown and ordered by"},
        "candidate": {"type": ["integer", "null"], "minimum": 0, "description": "Which candidate, counted from 0"},
        "show": {"enum": [*map(str, Show), None]},
        "order_by": {"enum": [*map(str, Order), None], "description": "`-worsened`: the largest loss first"},
        "limit": {"type": ["integer", "null"], "minimum": 1, "maximum": MOST_ROWS},
        "cursor": {"type": ["string", "null"], "description": "`next_cursor` of the page before"},
        "preview_length": {"type": ["integer", "null"], "minimum": 0, "maximum": 100_000},
    },
    "required": ["base", "candidates", "measure"],
    "additionalProperties": False,
    "examples": [{**EXAMPLE, "measure": "scores.exact", "margins": {}}],
}
