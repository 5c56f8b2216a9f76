"""The rows of a comparison, the trials of an item, and baselines as they are described to clients who read them."""

from .compare_answer_schema import AS_OF, COUNT, EVALUATOR, NUMBER, PASSES, Json, object_of
from .compare_examples import ITEM, KEY, ROWS
from .schema import described

_SCORES = {"type": "object", "description": "By evaluator: a number, a boolean, null for text, or a list of these"}
_TRACE_IDS = {"type": "array", "items": {"type": "string"}, "maxItems": 20}
_ROW_ARM = {
    "value": {**NUMBER, "description": "The mean over the traces of the item"},
    "traces": COUNT,
    "trace_ids": _TRACE_IDS,
    "output": {},
    "status": {"type": ["string", "null"]},
    "scores": _SCORES,
}
_ROW = {
    "item_key": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "input": {},
    "target": {},
    "arms": {"type": "array", "items": object_of(_ROW_ARM), "minItems": 2, "maxItems": 2},
    "difference": NUMBER,
    "change": {"type": ["string", "null"], "enum": ["improved", "worsened", "equal", None]},
}
ROWS_ANSWER = described(
    object_of(
        {
            "measure": {"type": "string"},
            "unit": {"type": ["string", "null"]},
            "better": {"type": "string", "enum": ["higher", "lower"]},
            "margin": NUMBER,
            "count": {**COUNT, "description": "Items on all pages"},
            "rows": {"type": "array", "items": object_of(_ROW)},
            "next_cursor": {"type": ["string", "null"]},
            **AS_OF,
        }
    ),
    ROWS,
    table=f"item_key,change,difference,base_value,candidate_value\r\n{KEY},worsened,-1.0,1.0,0.0\r\n",
)

_RUN = {
    "experiment_id": {"type": "string"},
    "trials": {"type": "array", "items": {"type": "object", "required": ["trace_id", "status", "scores"]}},
    "truncated": {"type": "boolean", "description": "There are more trials than are shown"},
    "passes": {"type": "object", "additionalProperties": PASSES},
}
ITEM_ANSWER: dict[int | str, Json] = {
    200: {
        "description": "The trials of the item",
        "content": {
            "application/json": {
                "schema": object_of(
                    {
                        "item_key": _ROW["item_key"],
                        "input": {},
                        "target": {},
                        "experiments": {"type": "array", "items": object_of(_RUN)},
                        "evaluators": {"type": "object", "additionalProperties": EVALUATOR},
                        **AS_OF,
                    }
                ),
                "example": ITEM,
            }
        },
    }
}
BASELINE_ANSWER: dict[int | str, Json] = {
    200: {
        "description": "The baseline as it is now",
        "content": {
            "application/json": {
                "schema": object_of(
                    {
                        "experiment_id": {"type": "string"},
                        "baseline": {"type": ["string", "null"]},
                        "project": {"type": "boolean"},
                    }
                ),
                "example": {"experiment_id": "run-b", "baseline": "run-a", "project": False},
            }
        },
    }
}
