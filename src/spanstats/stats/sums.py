"""What a summary is asked and what it is made of, whichever way the sums are got."""

import msgspec

from ..domain.window import Window

__all__ = ["ScoreSums", "Sums", "Window"]


class ScoreSums(msgspec.Struct):
    """One evaluator's scores: exact sums in whole billionths, squares in billionths squared.

    `n_traces` is how many traces have a number of it; `None` where rollups lack it until they are refreshed.
    """

    n: int = 0
    total: int = 0
    squares: int = 0
    low: int | None = None
    high: int | None = None
    n_true: int = 0
    n_false: int = 0
    n_text: int = 0
    n_traces: int | None = None


Sums = tuple[dict[str, int | None], dict[str, ScoreSums]]
"""The aggregates of the traces by name, and the scores by evaluator key."""
