"""Why the interface refused a question, in the words of the form that asked it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from ..calls import Refused
from ..conditions import Condition

Problem = tuple[str, str]
"""What is wrong, a condition or the path of an option, and why."""


def problems_of(refused: Refused, conditions: Sequence[Condition]) -> list[Problem]:
    """Each problem once: a filter is sent for every run that is compared."""
    problems = [(_subject(problem.get("loc") or (), conditions), str(problem["msg"])) for problem in refused.problems]
    return list(dict.fromkeys(problems)) or [("", refused.message)]


def _subject(location: Sequence[Any], conditions: Sequence[Condition]) -> str:
    return next(_conditions_at(location, conditions), None) or ".".join(map(str, _without_body(location)))


def _conditions_at(location: Sequence[Any], conditions: Sequence[Condition]) -> Iterator[str]:
    by_index: Mapping[Any, Condition] = dict(enumerate(conditions))
    for name, index in pairwise(location):
        if name == "filters" and index in by_index:
            yield str(by_index[index])


def _without_body(location: Sequence[Any]) -> list[Any]:
    return [part for part in location if part not in ("body", "query")]
