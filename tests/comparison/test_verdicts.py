"""What may be concluded, case by case."""

from dataclasses import replace
from fractions import Fraction

import pytest

from spanstats.comparison.significance import Outcome
from spanstats.comparison.verdicts import Verdict, conclude

CLEAR = Outcome("paired_t", 0.01, 0.08, 0.12, (0.083, 0.117), 1e-9, 0.03, 99)
ALIKE = Outcome("paired_t", 0.001, -0.002, 0.002, (-0.0017, 0.0017), 0.9, 0.003, 99)
VAGUE = Outcome("paired_t", 0.05, -0.1, 0.1, (-0.083, 0.083), 0.9, 0.14, 99)


@pytest.mark.parametrize(
    ("test", "difference", "higher", "margin", "verdict"),
    [
        (CLEAR, 0.1, True, None, Verdict.BETTER),
        (CLEAR, 0.1, False, None, Verdict.WORSE),
        (CLEAR, 0.1, True, 0.2, Verdict.EQUIVALENT),
        (CLEAR, 0.1, False, 0.1, Verdict.WORSE),
        (ALIKE, 0.0, True, None, Verdict.INCONCLUSIVE),
        (ALIKE, 0.0, True, 0.01, Verdict.EQUIVALENT),
        (ALIKE, 0.0, True, 0.001, Verdict.INCONCLUSIVE),
        (VAGUE, 0.0, True, 0.01, Verdict.INCONCLUSIVE),
        (Outcome("paired_t"), 0.3, True, 1, Verdict.INSUFFICIENT),
    ],
)
def test_verdicts(test: Outcome, difference: float, higher: bool, margin: float | None, verdict: Verdict) -> None:
    margin_ = None if margin is None else Fraction(str(margin))
    conclusion = conclude(
        test, Fraction(str(difference)), test.p_value, 100, higher_is_better=higher, margin=margin_, confidence=0.95
    )
    assert conclusion.verdict is verdict


def test_significance_is_of_the_corrected_p() -> None:
    conclusion = conclude(
        replace(CLEAR, p_value=0.01), Fraction(1), 0.06, 100, higher_is_better=True, margin=None, confidence=0.95
    )
    assert (conclusion.verdict, conclusion.significant) == (Verdict.INCONCLUSIVE, False)


def test_the_items_that_a_margin_needs_grow_with_its_square() -> None:
    def needed(margin: str) -> int | None:
        return conclude(
            VAGUE, Fraction(0), 0.9, 100, higher_is_better=True, margin=Fraction(margin), confidence=0.95
        ).items_needed

    assert (needed("0.14"), needed("0.07"), needed("0")) == (100, 400, None)
