"""Traces whose cost is partial: it leaves out spans without a price."""

import numpy as np

from .chunk import Mask
from .format import UNPRICED
from .selection import ChunkView

COST = "cost_pd"
COST_COLUMNS = frozenset({COST, UNPRICED})


def partial_costs(view: ChunkView) -> Mask | None:
    """The selected rows with a partial cost, as a mask over the chunk; `None` if there is none, as usual."""
    unpriced, cost = view.chunk.numbers(UNPRICED), view.chunk.numbers(COST)
    if unpriced.low == 0 and not unpriced.codes.any():
        return None
    is_partial = unpriced.values() > 0
    if cost.valid is not None:
        is_partial &= cost.valid
    return is_partial if view.rows is None else is_partial & view.rows


def count_partial_costs(view: ChunkView) -> int:
    """The number of selected traces with a partial cost."""
    mask = partial_costs(view)
    return 0 if mask is None else int(np.count_nonzero(mask))
