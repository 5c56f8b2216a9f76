"""Comparisons as they are described to clients who read them."""

from typing import Any

from ...comparison.grouping import Group
from ...comparison.verdicts import Verdict
from .compare_examples import COMPARISON
from .schema import SNAPSHOT, described

Json = dict[str, Any]

COUNT: Json = {"type": "integer", "minimum": 0}
COUNT_OR_NULL: Json = {"type": ["integer", "null"], "minimum": 0}
NUMBER: Json = {"type": ["number", "null"]}
TEXT: Json = {"type": ["string", "null"]}
AS_OF: Json = {"as_of": SNAPSHOT["as_of"]}


def object_of(properties: Json, **more: Any) -> Json:
    """All of its members are always there; members that may be null are not required, since the
    description shows no null in examples."""
    required = [name for name, schema in properties.items() if "null" not in schema.get("type", ["null"])]
    return {"type": "object", "properties": properties, "required": required, **more}


_ARM = {
    "experiment_id": {"type": "string"},
    "traces": COUNT,
    "items": {**COUNT_OR_NULL, "description": "Null where traces are not matched"},
    "failed": COUNT,
    "without_key": COUNT_OR_NULL,
    "without_root": COUNT_OR_NULL,
}
_OWN = {
    "type": "object",
    "description": "The numbers of the arm's summary, of matched and other traces",
    "properties": {"mean": NUMBER, "count": COUNT, "missing": COUNT, "trace_count": COUNT},
    "required": ["count", "missing"],
}
_TESTED = {
    "difference": {**NUMBER, "description": "Candidate less base"},
    **dict.fromkeys(("low", "high", "std_error", "p_value", "p_adjusted"), NUMBER),
    "method": {"type": "string", "description": "`paired_t`, `clustered_t`, `mcnemar_mid_p`, `sign` or `welch`"},
    "smallest_detectable": NUMBER,
    "margin": NUMBER,
    "items_needed": COUNT_OR_NULL,
    "significant": {"type": "boolean"},
    "verdict": {"type": "string", "enum": [str(verdict) for verdict in Verdict]},
}
_RELATIVE = {"type": ["object", "null"], "properties": dict.fromkeys(("difference", "low", "high"), NUMBER)}
_PAIRED = {
    **dict.fromkeys(("items", "missing_base", "missing_candidate", "improved", "worsened", "equal", "clusters"), COUNT),
    **dict.fromkeys(("base_mean", "candidate_mean"), NUMBER),
    "relative": _RELATIVE,
    **_TESTED,
}
EVALUATOR = {"type": "object", "properties": dict.fromkeys(("id", "slug", "name"), TEXT)}
PASSES = {
    "type": "array",
    "items": object_of({"k": COUNT, "pass_at": {"type": "number"}, "pass_all": {"type": "number"}}),
}
_MEASURE = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "enum": ["number", "boolean", "text"]},
        "better": {"type": ["string", "null"], "enum": ["higher", "lower", None]},
        "unit": {"type": ["string", "null"]},
        "evaluator": EVALUATOR,
        "base": _OWN,
        "candidate": _OWN,
        "paired": {**object_of(_PAIRED), "type": ["object", "null"]},
        "unpaired": {**object_of({**_TESTED, "df": NUMBER}), "type": ["object", "null"]},
        "passes": {**object_of({"base": PASSES, "candidate": PASSES}), "description": "Of items with several trials"},
        "agreement": {**object_of(dict.fromkeys(("items", "same", "different"), COUNT)), "description": "Of texts"},
    },
    "required": ["kind"],
}
_PAIRING = {
    "type": "object",
    "properties": {
        "by": {"type": "string"},
        **dict.fromkeys(("both", "only_base", "only_candidate", "targets_differ", "unequal_repeats"), COUNT),
        "most_repeats": {"type": "array", "items": COUNT, "minItems": 2, "maxItems": 2},
    },
    "required": ["by"],
}
_VERDICTS = {
    **object_of(
        {
            group.value: object_of({"count": COUNT, "measures": {"type": "array", "items": {"type": "string"}}})
            for group in Group
        }
    ),
    "description": "The measures by what is concluded of them: `unchanged` where no item differs, `undecided` where "
    "the verdict is inconclusive or insufficient, `unknown` where no values are in both arms",
}
_CANDIDATE = {
    **_ARM,
    "pairing": _PAIRING,
    "verdicts": _VERDICTS,
    "measures": {"type": "object", "additionalProperties": _MEASURE},
}
_WARNING = {
    "code": {"type": "string"},
    "message": {"type": "string"},
    "candidate": {**COUNT_OR_NULL, "description": "Which candidate, counted from 0"},
    "measure": {"type": ["string", "null"]},
}
_COMPARISON = object_of(
    {
        "base": object_of(_ARM),
        "candidates": {"type": "array", "items": object_of(_CANDIDATE)},
        "correction": object_of({"method": {"type": "string"}, "tests": COUNT}),
        "confidence": {"type": "number"},
        "warnings": {"type": "array", "items": object_of(_WARNING)},
        **AS_OF,
    }
)
COMPARISON_ANSWER = described(
    _COMPARISON,
    COMPARISON,
    table="candidate,measure,kind,unit,better,items\r\nrun-b,scores.exact,number,,higher,223\r\n",
)
