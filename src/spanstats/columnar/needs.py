"""Which columns a question reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from .format import ITEM_KEY, NUMBERS, SCORES, START_MICROSECOND, START_MINUTE, scores_column


@dataclass(frozen=True, slots=True)
class Needs:
    """Names of columns; with `every_score` those of all evaluators besides."""

    columns: frozenset[str] = frozenset()
    every_score: bool = False

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(self.columns | other.columns, self.every_score or other.every_score)

    def numbers(self) -> list[str]:
        """Those of `NUMBERS`, in their order."""
        return [name for name in NUMBERS if name in self.columns]

    def texts(self) -> list[str]:
        """Dictionary-encoded columns."""
        others = (*NUMBERS, ITEM_KEY)
        return sorted(name for name in self.columns if name not in others and not name.startswith(SCORES))

    def wants_scores(self) -> bool:
        """Whether scores of any evaluator are needed."""
        return self.every_score or any(name.startswith(SCORES) for name in self.columns)

    def wants(self, name: str) -> bool:
        """Whether the column is needed."""
        return name in self.columns or (self.every_score and name.startswith(SCORES))


@lru_cache(maxsize=256)
def needed_among(names: tuple[str, ...], needs: Needs) -> tuple[str, ...]:
    """The needed ones of these names. Many chunks of an experiment have the same names."""
    return tuple(name for name in names if needs.wants(name))


STARTS = Needs(frozenset({START_MINUTE, START_MICROSECOND}))
"""When traces start."""


def needs(columns: Iterable[str] = (), *, scores_of: Iterable[str] = (), every_score: bool = False) -> Needs:
    """The needs of a question about these columns and the scores of these evaluators."""
    return Needs(frozenset(columns) | frozenset(map(scores_column, scores_of)), every_score)
