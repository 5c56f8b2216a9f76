"""Comparisons as they are answered: here alone their exact numbers become floats."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from ...comparison.grouping import grouped
from ...comparison.measures import Measure, Scores
from ...comparison.results import ArmResult, CandidateResult, Comparison, MeasureResult, TextResult
from ...comparison.sums import ArmSums
from ...domain.times import iso
from ...stats.evaluators import Evaluator
from .passes_answer import passes_answer

Answer = dict[str, Any]

_OF_PAIRS = ("items", "base_mean", "candidate_mean", "improved", "worsened", "equal")
_OF_TEST = (
    *("difference", "low", "high", "std_error", "p_value", "p_adjusted", "method", "smallest_detectable", "margin"),
    *("items_needed", "significant", "verdict"),
)
COMPARISON_COLUMNS = ("candidate", "measure", "kind", "unit", "better", *_OF_PAIRS, *_OF_TEST)
"""Of the table that a comparison makes, a row for each measure of each candidate."""


def comparison_table(comparison: Comparison) -> Iterator[list[Any]]:
    """The rows of the table."""
    for candidate in comparison_answer(comparison)["candidates"]:
        for name, measure in candidate["measures"].items():
            tested = measure["paired"] or measure["unpaired"] or {}
            about = (measure["kind"], measure["unit"], measure["better"])
            numbers = (tested.get(column) for column in (*_OF_PAIRS, *_OF_TEST))
            yield [candidate["experiment_id"], name, *about, *numbers]


def comparison_answer(comparison: Comparison) -> Answer:
    """The whole answer."""
    return {
        "base": _arm(comparison.base),
        "candidates": [_candidate(candidate, comparison.evaluators) for candidate in comparison.candidates],
        "correction": {"method": comparison.correction, "tests": comparison.tests},
        "confidence": comparison.confidence,
        "warnings": [
            {"code": w.code, "message": w.message, "candidate": w.candidate, "measure": w.measure}
            for w in comparison.warnings
        ],
        "as_of": iso(comparison.as_of_us),
    }


def _arm(arm: ArmResult) -> Answer:
    return {
        "experiment_id": arm.experiment_id,
        "traces": arm.traces,
        "items": arm.items,
        "failed": arm.failed,
        "without_key": arm.without_key,
        "without_root": arm.without_root,
    }


def _candidate(candidate: CandidateResult, evaluators: Mapping[str, Evaluator]) -> Answer:
    pairing: Answer = {"by": "none"}
    if candidate.pairing is not None:
        p = candidate.pairing
        pairing = {
            "by": p.by,
            "both": p.both,
            "only_base": p.only_base,
            "only_candidate": p.only_candidate,
            "most_repeats": list(p.repeats),
            "targets_differ": p.targets_differ,
            "unequal_repeats": p.unequal_repeats,
        }
    measures = {result.measure.name: _measure(result, evaluators) for result in candidate.measures}
    measures |= {result.measure.name: _text(result, evaluators) for result in candidate.texts}
    return {**_arm(candidate.arm), "pairing": pairing, "verdicts": _verdicts(candidate), "measures": measures}


def _verdicts(candidate: CandidateResult) -> Answer:
    """How many measures are in each group, and which."""
    groups = grouped(candidate.measures)
    return {group.value: {"count": len(names), "measures": names} for group, names in groups.items()}


def _measure(result: MeasureResult, evaluators: Mapping[str, Evaluator]) -> Answer:
    tested = {**_tested(result), **_concluded(result)}
    return {
        "kind": result.kind,
        **_about(result.measure, evaluators),
        "base": _own(result.base, result.measure),
        "candidate": _own(result.candidate, result.measure),
        "paired": None if result.paired is None else {**_pairs(result), **tested},
        "unpaired": {**tested, "df": result.outcome.df} if result.paired is None else None,
    } | _passes(result)


def _passes(result: MeasureResult) -> Answer:
    """Of scores of 0 and 1 whose items have several trials."""
    if result.passes is None:
        return {}
    arms = {"base": result.passes.base, "candidate": result.passes.candidate}
    return {"passes": {name: passes_answer(passes) for name, passes in arms.items()}}


def _about(measure: Measure, evaluators: Mapping[str, Evaluator]) -> Answer:
    about: Answer = {"better": "higher" if measure.higher_is_better else "lower", "unit": measure.unit}
    if isinstance(measure, Scores):
        evaluator = evaluators.get(measure.key) or Evaluator(name=measure.key)
        about["evaluator"] = {"id": evaluator.id, "slug": evaluator.slug, "name": evaluator.name}
    return about


def _text(result: TextResult, evaluators: Mapping[str, Evaluator]) -> Answer:
    about = {**_about(result.measure, evaluators), "better": None}
    agreement = {"items": result.items, "same": result.same, "different": result.items - result.same}
    return {"kind": "text", **about, "paired": None, "unpaired": None, "agreement": agreement}


def _own(arm: ArmSums, measure: Measure) -> Answer:
    own: Answer = {"mean": _number(arm.mean), "count": arm.n, "missing": arm.missing}
    return own | ({"trace_count": arm.traces} if isinstance(measure, Scores) else {})


def _pairs(result: MeasureResult) -> Answer:
    paired = result.paired
    assert paired is not None  # noqa: S101 (the caller has looked)
    gains, losses = paired.over, paired.under
    if not result.measure.higher_is_better:
        gains, losses = losses, gains
    change = result.relative
    return {
        "items": paired.n,
        "missing_base": paired.missing_base,
        "missing_candidate": paired.missing_candidate,
        "base_mean": _number(paired.mean(paired.a)),
        "candidate_mean": _number(paired.mean(paired.b)),
        "relative": None
        if change is None
        else {"difference": change.difference, "low": change.low, "high": change.high},
        "improved": gains,
        "worsened": losses,
        "equal": paired.n - gains - losses,
        "clusters": paired.groups.n,
    }


def _tested(result: MeasureResult) -> Answer:
    outcome = result.outcome
    return {
        "difference": _number(result.difference),
        "low": outcome.low,
        "high": outcome.high,
        "std_error": outcome.std_error,
        "p_value": outcome.p_value,
        "p_adjusted": result.p_adjusted,
        "method": outcome.method,
        "smallest_detectable": outcome.smallest,
    }


def _concluded(result: MeasureResult) -> Answer:
    conclusion = result.conclusion
    assert conclusion is not None  # noqa: S101 (every comparison concludes)
    return {
        "margin": _number(result.margin),
        "items_needed": conclusion.items_needed,
        "significant": conclusion.significant,
        "verdict": conclusion.verdict.value,
    }


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
