"""The traces of an arm as arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from .exact import Whole
from .measures import Measure
from .pairing import PairBy

Keys: TypeAlias = NDArray[np.uint64]
"""Digests of 16 bytes, a row of two numbers each; zeros: no key."""

Flags: TypeAlias = NDArray[np.bool_]

NO_TARGET = -(2**63)
"""Among targets: there is none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared. `zero_for_missing`: a trace without a score counts as 0."""

    measures: Sequence[Measure]
    pair_by: PairBy
    cluster_by: str | None = None
    zero_for_missing: bool = False


@dataclass(frozen=True, slots=True)
class Values:
    """A measure of each trace: the sum of its values, how many they are, and whether it has any of its own."""

    sums: Whole
    counts: NDArray[np.int64]
    has: NDArray[np.bool_]


class LazyValues(Sequence[Values]):
    """Values that are decoded each time they are asked for: undecoded they take a fraction of the memory."""

    def __init__(self, length: int, decoded: Callable[[int], Values]) -> None:
        self._length, self._decoded = length, decoded

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, number: int) -> Values: ...
    @overload
    def __getitem__(self, number: slice) -> list[Values]: ...
    def __getitem__(self, number: int | slice) -> Values | list[Values]:
        numbers = range(self._length)[number]
        return self._decoded(numbers) if isinstance(numbers, int) else [self._decoded(i) for i in numbers]


@dataclass(frozen=True, slots=True)
class ArmTraces:
    """The traces of an arm, row i of every array being the same one.

    `values` are in the order of the plan's measures.
    """

    keys: Keys
    with_comparison_key: NDArray[np.bool_]
    """Whether a comparison key was sent."""
    has_root: NDArray[np.bool_]
    targets: NDArray[np.int64]
    clusters: list[str | None] | None
    values: Sequence[Values]

    def __len__(self) -> int:
        return len(self.keys)
