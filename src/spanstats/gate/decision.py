"""What a pipeline makes of a comparison as the server answers it."""

from collections.abc import Collection, Iterator
from enum import IntEnum
from typing import Any, NamedTuple

Answer = dict[str, Any]


class Exit(IntEnum):
    """Exit codes. `NO_ANSWER`: wrong options, no such run, or no server."""

    PASSED = 0
    WORSE = 1
    INCONCLUSIVE = 2
    NO_ANSWER = 3


class Line(NamedTuple):
    """One measure of the candidate; `tested` is what was found by pairs, else of the arms as a whole."""

    name: str
    measure: Answer
    tested: Answer

    @property
    def verdict(self) -> str:
        """The verdict in one word."""
        word: str = self.tested["verdict"]
        return word


def lines(answer: Answer) -> Iterator[Line]:
    """The measures of the first candidate that have a number in either arm."""
    for name, measure in answer["candidates"][0]["measures"].items():
        tested = measure["paired"] or measure["unpaired"]
        if tested is not None and (measure["base"]["count"] or measure["candidate"]["count"]):
            yield Line(name, measure, tested)


def decide(answer: Answer, names: Collection[str], *, fail_on_inconclusive: bool) -> Exit:
    """Worse in any measure comes first. What is inconclusive counts only where that is asked for: of the measures that
    are named, with their margins, or of all where none is."""
    measures = list(lines(answer))
    if any(line.verdict == "worse" for line in measures):
        return Exit.WORSE
    unsure = [line for line in measures if line.verdict in ("inconclusive", "insufficient")]
    absent = set(names) - {line.name for line in measures}
    if fail_on_inconclusive and (absent or any(not names or line.name in names for line in unsure)):
        return Exit.INCONCLUSIVE
    return Exit.PASSED
