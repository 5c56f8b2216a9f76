"""What a comparison, its rows and an item look like, for the description of their routes."""

from typing import Any

Json = dict[str, Any]

TIME = "2026-11-28T10:15:02.000123+00:00"
_ARM_EXAMPLE = {"traces": 266, "items": 266, "failed": 3, "without_key": 0, "without_root": 0}
_PAIRED_EXAMPLE: Json = {
    "items": 223,
    "missing_base": 12,
    "missing_candidate": 10,
    "improved": 81,
    "worsened": 66,
    "equal": 76,
    "clusters": 223,
    "base_mean": 0.612,
    "candidate_mean": 0.634,
    "relative": {"difference": 0.036, "low": -0.08, "high": 0.15},
    "difference": 0.022,
    "low": -0.048,
    "high": 0.092,
    "std_error": 0.036,
    "p_value": 0.541,
    "p_adjusted": 1.0,
    "method": "paired_t",
    "smallest_detectable": 0.1,
    "margin": 0.01,
    "items_needed": 22300,
    "significant": False,
    "verdict": "inconclusive",
}
_MEASURE_EXAMPLE: Json = {
    "kind": "number",
    "better": "higher",
    "unit": None,
    "evaluator": {"id": None, "slug": None, "name": "exact"},
    "base": {"mean": 0.61, "count": 254, "missing": 12, "trace_count": 254},
    "candidate": {"mean": 0.66, "count": 256, "missing": 10, "trace_count": 256},
    "paired": _PAIRED_EXAMPLE,
    "unpaired": None,
}
_PAIRING_EXAMPLE: Json = {
    "by": "input",
    "both": 245,
    "only_base": 21,
    "only_candidate": 21,
    "most_repeats": [1, 1],
    "targets_differ": 0,
    "unequal_repeats": 0,
}
_NONE: Json = {"count": 0, "measures": []}
_VERDICTS_EXAMPLE: Json = {
    **dict.fromkeys(("better", "worse", "equivalent", "unchanged"), _NONE),
    "undecided": {"count": 1, "measures": ["scores.exact"]},
    "unknown": _NONE,
}
COMPARISON: Json = {
    "base": {"experiment_id": "run-a", **_ARM_EXAMPLE},
    "candidates": [
        {
            "experiment_id": "run-b",
            **_ARM_EXAMPLE,
            "pairing": _PAIRING_EXAMPLE,
            "verdicts": _VERDICTS_EXAMPLE,
            "measures": {"scores.exact": _MEASURE_EXAMPLE},
        }
    ],
    "correction": {"method": "holm", "tests": 8},
    "confidence": 0.95,
    "warnings": [
        {"code": "many_missing", "message": "22 items have no value", "candidate": 0, "measure": "scores.exact"}
    ],
    "as_of": TIME,
}

KEY = "1c4facd2831317bff0cd79bc0ca293ea"
_ROW_ARM_EXAMPLE: Json = {
    "value": 1.0,
    "traces": 1,
    "trace_ids": ["a-9"],
    "output": "yes",
    "status": "success",
    "scores": {"exact": 1.0},
}
ROWS: Json = {
    "measure": "scores.exact",
    "unit": None,
    "better": "higher",
    "margin": None,
    "count": 66,
    "rows": [
        {
            "item_key": KEY,
            "input": {"question": "Is it so?"},
            "target": "yes",
            "arms": [_ROW_ARM_EXAMPLE, {**_ROW_ARM_EXAMPLE, "value": 0.0, "output": "no", "scores": {"exact": 0.0}}],
            "difference": -1.0,
            "change": "worsened",
        }
    ],
    "next_cursor": "WyItMSIsIjFjNGZhY2QyIl0=",
    "as_of": TIME,
}

_TRIAL_EXAMPLE: Json = {
    "trace_id": "a-9",
    "status": "success",
    "latency": 1.5,
    "output": "yes",
    "scores": {"exact": 1.0},
}
ITEM: Json = {
    "item_key": KEY,
    "input": {"question": "Is it so?"},
    "target": "yes",
    "experiments": [
        {
            "experiment_id": "run-a",
            "trials": [_TRIAL_EXAMPLE],
            "truncated": False,
            "passes": {"scores.exact": [{"k": 1, "pass_at": 1.0, "pass_all": 1.0}]},
        }
    ],
    "evaluators": {"exact": {"id": None, "slug": None, "name": "exact"}},
    "as_of": TIME,
}
