"""Encode arrays of values as columns: numbers less their minimum in as few bytes as they need, texts as codes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .chunk import Array, Digests, Mask, Numbers, Texts

_WIDTHS = (np.uint8, np.uint16, np.uint32, np.uint64)


def numbers_of(values: NDArray[np.int64], valid: Mask | None = None) -> Numbers:
    """The column of these values; values where `valid` is false are ignored."""
    if valid is not None and valid.all():
        valid = None
    present = values if valid is None else values[valid]
    if not len(present):
        return Numbers(0, 1, _zeros(len(values)), valid)
    low, high = int(present.min()), int(present.max())
    if low == high:
        return Numbers(low, 1, _zeros(len(values)), valid)
    # The difference of two values may need all 64 bits: unsigned, it is exact.
    offsets = values.view(np.uint64) - np.uint64(low % 2**64)
    if valid is not None:
        offsets = np.where(valid, offsets, np.uint64(0))
    step = int(np.gcd.reduce(offsets))
    codes = offsets if step == 1 else offsets // np.uint64(step)
    return Numbers(low, step, narrowed(codes, (high - low) // step), valid)


def texts_of(values: Sequence[bytes | None]) -> Texts:
    """The column of these JSON texts, numbered as they first come."""
    numbers: dict[bytes | None, int] = {None: 0}
    codes = [numbers.setdefault(value, len(numbers)) for value in values]
    del numbers[None]
    listed: list[bytes] = [value for value in numbers if value is not None]
    return Texts(narrowed(np.array(codes, np.uint32), len(listed)), listed)


def digests_of(rows: NDArray[np.uint64]) -> Digests:
    """The column of these digests, two numbers a row; two zeros: none."""
    as_one = np.ascontiguousarray(rows).view(np.dtype((np.void, 16))).ravel()
    values, codes = np.unique(as_one, return_inverse=True)
    if 2 * len(values) > len(rows):
        return Digests(None, rows)
    different = values.view(np.uint64).reshape(-1, 2)
    if len(different) and not different[0].any():
        return Digests(narrowed(codes.ravel(), len(different) - 1), different[1:])
    return Digests(narrowed(codes.ravel() + 1, len(different)), different)


def narrowed(codes: Array, highest: int) -> Array:
    """The codes in the fewest bytes that hold the highest."""
    if not highest:
        return _zeros(len(codes))
    width = next(width for width in _WIDTHS if highest <= np.iinfo(width).max)
    return codes.astype(width)


def _zeros(n: int) -> Array:
    """Takes no memory."""
    return np.broadcast_to(np.uint8(0), n)
