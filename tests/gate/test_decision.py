"""What a pipeline makes of an answer."""

from typing import Any

import pytest

from spanstats.gate.decision import Exit, decide
from spanstats.gate.report import markdown_report, text_report


def answer(**verdicts: str) -> dict[str, Any]:
    tested = {
        "base_mean": 0.5,
        "candidate_mean": 0.75,
        "difference": 0.25,
        "low": -0.125,
        "high": 0.625,
        "p_adjusted": 0.25,
    }
    measures: dict[str, Any] = {
        name: {
            "unit": "USD" if name == "cost" else None,
            "base": {"mean": 0.5, "count": 3},
            "candidate": {"mean": 0.75, "count": 3},
            "paired": {**tested, "verdict": verdict},
            "unpaired": None,
        }
        for name, verdict in verdicts.items()
    }
    nothing = {"count": 0, "mean": None}
    measures["ttft"] = {**measures["cost"], "base": nothing, "candidate": nothing} if "cost" in measures else {}
    if not measures["ttft"]:
        del measures["ttft"]
    candidate = {"experiment_id": "b|*", "pairing": {"by": "input", "both": 1200}, "measures": measures}
    warnings = [{"code": "few_items", "message": "Only 3 items"}]
    return {"base": {"experiment_id": "a"}, "candidates": [candidate], "warnings": warnings, "confidence": 0.95}


@pytest.mark.parametrize(
    ("verdicts", "measures", "strict", "outcome"),
    [
        ({"cost": "better", "latency": "inconclusive"}, (), False, Exit.PASSED),
        ({"cost": "better", "latency": "worse"}, (), False, Exit.WORSE),
        ({"cost": "worse", "latency": "inconclusive"}, (), True, Exit.WORSE),
        ({"cost": "better", "latency": "inconclusive"}, (), True, Exit.INCONCLUSIVE),
        ({"cost": "better", "latency": "inconclusive"}, ("cost",), True, Exit.PASSED),
        ({"cost": "equivalent", "latency": "insufficient"}, ("latency",), True, Exit.INCONCLUSIVE),
        ({"cost": "equivalent"}, ("ttft",), True, Exit.INCONCLUSIVE),
        ({"cost": "equivalent"}, (), True, Exit.PASSED),
    ],
)
def test_outcomes(verdicts: dict[str, str], measures: tuple[str, ...], strict: bool, outcome: Exit) -> None:
    assert decide(answer(**verdicts), measures, fail_on_inconclusive=strict) is outcome


def test_text_is_a_table_with_warnings_and_the_outcome() -> None:
    assert text_report(answer(cost="worse"), Exit.WORSE) == (
        "b|* against a: 1,200 items in both\n\n"
        "measure     base  candidate  difference  95 % interval     p      verdict\n"
        "cost (USD)  0.5   0.75       +0.25       -0.125 to +0.625  0.250  worse\n\n"
        "Warning: Only 3 items\nWorse: cost.\n"
    )


def test_markdown_is_safe_whatever_things_are_called() -> None:
    text = markdown_report(answer(cost="better"), Exit.PASSED)
    assert text.startswith("### b\\|\\* against a: 1,200 items in both\n\n| measure | base |")
    assert "| cost (USD) | 0.5 | 0.75 | +0.25 | -0.125 to +0.625 | 0.250 | better |" in text
    assert text.endswith("> **Warning:** Only 3 items\n\n**No measure is worse.**\n")
