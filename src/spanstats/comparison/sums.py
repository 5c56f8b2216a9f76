"""The exact sums that a test of one measure needs, whichever way they were added up."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Clustered:
    """Sums over groups of items: `n` groups, and over them sums of products of their totals.

    `a`, `b` and `d` are the totals of a group's base values, candidate values and differences, `m` its items.
    """

    n: int
    aa: int
    bb: int
    dd: int
    am: int
    bm: int
    mm: int


@dataclass(frozen=True, slots=True)
class PairedSums:
    """Over the items that have a value in both arms: whole numbers, `unit` of which are one unit of the measure.

    `a`, `b` are sums of the arms' item values, `aa`, `bb`, `dd` those of the squares of these and of the differences.
    `up` and `down` count items whose value rises and falls, `over` and `under` those beyond the margin. `both` counts
    all items of both arms, with or without values. `single` is whether each value is of one trace, `binary` whether all
    values are 0 or 1.
    """

    unit: int
    n: int = 0
    missing_base: int = 0
    missing_candidate: int = 0
    a: int = 0
    b: int = 0
    aa: int = 0
    bb: int = 0
    dd: int = 0
    up: int = 0
    down: int = 0
    over: int = 0
    under: int = 0
    both: int = 0
    single: bool = False
    binary: bool = False
    clusters: Clustered | None = None

    def mean(self, total: int) -> Fraction | None:
        """The mean of a sum over the items in the measure's unit."""
        return Fraction(total, self.n * self.unit) if self.n else None

    @property
    def groups(self) -> Clustered:
        """The clusters, or each item as its own."""
        alone = Clustered(self.n, self.aa, self.bb, self.dd, self.a, self.b, self.n)
        return alone if self.clusters is None else self.clusters


@dataclass(frozen=True, slots=True)
class ArmSums:
    """Over the traces of one arm: how many have the value (scores: values), their sum and sum of squares.

    `traces` is how many traces have it, `missing` how many have none.
    """

    unit: int
    n: int = 0
    total: int = 0
    squares: int = 0
    traces: int = 0
    missing: int = 0

    @property
    def mean(self) -> Fraction | None:
        return Fraction(self.total, self.n * self.unit) if self.n else None
