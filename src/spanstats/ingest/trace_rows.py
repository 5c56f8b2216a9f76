"""The row of a trace, made from its fold, and the limits of it."""

from ..domain.keys import TraceKey
from ..domain.trace import Trace, finish
from ..domain.trace_fold import KEPT_FROM, TraceFold
from ..errors import invalid
from .rows import TraceRow, row_bytes, trace_row
from .tools import Tools

MAX_SPANS_OF_TRACE = 100_000
MAX_TOTAL = 2**63 - 1
MAX_BYTES_OF_TRACE = 8 * 2**20
"""Of what spans add to the row of their trace, which is written again with every span that comes."""
FOLD_FROM = KEPT_FROM
"""A trace of this many spans keeps its fold: adding a span to it then reads none of the others."""


def row_of_fold(key: TraceKey, fold: TraceFold, tools: Tools, before: Trace | None = None) -> TraceRow:
    """The row of the trace. Raises `InvalidInput` where it would leave its limits.

    Where the fold lacks the scores that are stored, these stay; `before` is then the stored trace without them.
    """
    _check_sums(fold, tools.max_spans_of_trace or MAX_SPANS_OF_TRACE)
    trace = finish(key.trace_id, fold)
    entry = tools.render(trace) if trace.has_root else None
    row = trace_row(key.tenant_id, trace, entry, fold if fold.n_spans >= FOLD_FROM else None)
    if before is not None and not fold.has_all_scores:
        _keep_scores(row, tools.render(before) if before.has_root else None)
    if row_bytes(row) > MAX_BYTES_OF_TRACE:
        message = f"metadata, labels and scores of a trace's spans may have {MAX_BYTES_OF_TRACE} bytes together"
        raise invalid(message, "trace_id", kind="too_large")
    return row


def _check_sums(fold: TraceFold, max_spans: int) -> None:
    if fold.n_spans > max_spans:
        raise invalid(f"a trace holds at most {max_spans} spans", "trace_id", kind="too_many")
    if max(fold.cost_pd, fold.prompt_tokens, fold.completion_tokens, fold.total_tokens) > MAX_TOTAL:
        raise invalid("the sum over the trace's spans is out of range", "trace_id", kind="out_of_range")


_END_OF_ENTRY = "]}"
"""What follows the scores, which are the last of an entry."""


def _keep_scores(row: TraceRow, entry_before: str | None) -> None:
    """Leave the scores as they are stored. Both entries here are rendered without scores."""
    row.keeps_scores = True
    if row.entry == entry_before:
        row.entry = None
    elif row.entry is not None and entry_before is not None:
        row.entry = row.entry.removesuffix(_END_OF_ENTRY)
        row.entry_from = len(entry_before.removesuffix(_END_OF_ENTRY)) + 1
