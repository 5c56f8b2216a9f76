"""The measures of a candidate in groups: what a reader wants to know first of a comparison."""

from collections.abc import Sequence
from enum import StrEnum

from .results import MeasureResult
from .verdicts import Verdict


class Group(StrEnum):
    """`UNCHANGED`: no item differs, which alone decides nothing; `UNDECIDED`: inconclusive or insufficient;
    `UNKNOWN`: no values in both arms."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    UNCHANGED = "unchanged"
    UNDECIDED = "undecided"
    UNKNOWN = "unknown"


_OF_VERDICT = {
    Verdict.BETTER: Group.BETTER,
    Verdict.WORSE: Group.WORSE,
    Verdict.EQUIVALENT: Group.EQUIVALENT,
}


def grouped(results: Sequence[MeasureResult]) -> dict[Group, list[str]]:
    """The names of the measures by group, in their order; each group is there."""
    names_by_group: dict[Group, list[str]] = {group: [] for group in Group}
    for result in results:
        names_by_group[_group_of(result)].append(result.measure.name)
    return names_by_group


def _group_of(result: MeasureResult) -> Group:
    """Results have a conclusion."""
    if result.difference is None or result.conclusion is None:
        return Group.UNKNOWN
    decided = _OF_VERDICT.get(result.conclusion.verdict)
    if decided is not None:
        return decided
    return Group.UNCHANGED if result.is_unchanged else Group.UNDECIDED
