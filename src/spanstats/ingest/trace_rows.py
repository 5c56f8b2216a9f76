"""Make the row of a trace from its fold, and check the limits of spans and bytes of a trace."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from ..domain.keys import TraceKey
from ..domain.score_blocks import BLOCKS_FROM, FIRST, Insertion, ScoreBlock, blocks_of
from ..domain.trace import Trace, finish
from ..domain.trace_fold import KEPT_FROM, SpanScores, TraceFold
from ..errors import invalid
from .rows import TraceRow, pack_scores, row_bytes, set_scores, trace_row
from .score_blocks import PackedBlock
from .tools import Render, Tools

MAX_SPANS_OF_TRACE = 100_000
MAX_TOTAL = 2**63 - 1
MAX_BYTES_OF_TRACE = 8 * 2**20
"""Of what spans add to their trace beside their own rows."""
FOLD_FROM = KEPT_FROM
"""A trace of this many spans keeps its fold: adding a span to it then reads none of the others."""
IN_BLOCKS_FROM = BLOCKS_FROM


@dataclass(frozen=True, slots=True)
class TraceRows:
    """The row of a trace, and the blocks of its scores that change; or all blocks, where `has_new_blocks`."""

    row: TraceRow
    blocks: list[PackedBlock] = field(default_factory=list)
    has_new_blocks: bool = False


def may_use_blocks(fold: TraceFold) -> bool:
    """Whether the scores of this trace, which has none in blocks, are to be kept in blocks."""
    return fold.n_scored >= IN_BLOCKS_FROM and fold.has_all_scores and not fold.in_blocks


def row_of_fold(key: TraceKey, fold: TraceFold, tools: Tools, before: Trace | None = None) -> TraceRow:
    """The row of the trace. Raises `InvalidInput` where it would leave its limits.

    Where the fold lacks the scores that are stored, these stay; `before` is then the stored trace without them.
    """
    _check_sums(fold, tools.max_spans_of_trace or MAX_SPANS_OF_TRACE)
    trace = finish(key.trace_id, fold)
    entry = tools.render(trace) if trace.has_root else None
    row = trace_row(key.tenant_id, trace, entry, fold if fold.n_spans >= FOLD_FROM else None)
    if before is not None and not (fold.has_all_scores or fold.in_blocks):
        _keep_scores(row, tools.render(before) if before.has_root else None)
    _check_bytes(row_bytes(row))
    return row


def rows_with_new_blocks(key: TraceKey, fold: TraceFold, tools: Tools) -> TraceRows:
    """The row of a trace and the blocks of its scores, which the fold has all. Raises `InvalidInput`."""
    trace = finish(key.trace_id, fold)
    fold.scores, others = _root_and_others(fold)
    fold.in_blocks = True
    blocks = _packed(blocks_of(others), trace, tools.render)
    fold.block_bytes = _bytes_of(blocks)
    row = row_of_fold(key, fold, tools)
    set_scores(row, trace.scores)
    _check_bytes(row_bytes(row) + fold.block_bytes)
    return TraceRows(row, blocks, has_new_blocks=True)


def rows_with_blocks(key: TraceKey, fold: TraceFold, tools: Tools, insertion: Insertion | None) -> TraceRows:
    """The row of a trace whose scores are in blocks, and the blocks that change where spans with scores came.

    Raises `InvalidInput`.
    """
    fold.scores, _ = _root_and_others(fold)
    if insertion is None:
        row = row_of_fold(key, fold, tools)
        row.keeps_scores = True
        return TraceRows(row)
    trace = finish(key.trace_id, fold)
    fold.block_bytes += _bytes_of(_packed([ScoreBlock(FIRST, insertion.spans)], trace, tools.render))
    row = row_of_fold(key, fold, tools)
    set_scores(row, [score for span in insertion.spans for score in span.scores])
    row.scores_at = insertion.position + len(trace.scores)
    _check_bytes(row_bytes(row) + fold.block_bytes)
    return TraceRows(row, _packed(insertion.blocks, trace, tools.render))


def _root_and_others(fold: TraceFold) -> tuple[list[SpanScores], list[SpanScores]]:
    """The scores of the root, and those of other spans."""
    root_id = None if fold.root is None else fold.root.span_id
    return [s for s in fold.scores if s.span_id == root_id], [s for s in fold.scores if s.span_id != root_id]


def _packed(blocks: Iterable[ScoreBlock], trace: Trace, render: Render) -> list[PackedBlock]:
    return [(block, pack_scores(block.spans), _part_of_entry(block, trace, render)) for block in blocks]


def _part_of_entry(block: ScoreBlock, trace: Trace, render: Render) -> str:
    scores = [score for span in block.spans for score in span.scores]
    without, whole = (render(replace(trace, scores=s)).removesuffix(_END_OF_ENTRY) for s in ([], scores))
    return whole[len(without) :]


def _bytes_of(blocks: Iterable[PackedBlock]) -> int:
    return sum(len(packed) + len(entry) for _, packed, entry in blocks)


def _check_bytes(size: int) -> None:
    if size > MAX_BYTES_OF_TRACE:
        message = f"metadata, labels and scores of a trace's spans may have {MAX_BYTES_OF_TRACE} bytes together"
        raise invalid(message, "trace_id", code="too_large")


def _check_sums(fold: TraceFold, max_spans: int) -> None:
    if fold.n_spans > max_spans:
        raise invalid(f"a trace holds at most {max_spans} spans", "trace_id", code="too_many")
    if max(fold.cost_pd, fold.prompt_tokens, fold.completion_tokens, fold.total_tokens) > MAX_TOTAL:
        raise invalid("the sum over the trace's spans is out of range", "trace_id", code="out_of_range")


_END_OF_ENTRY = "]}"
"""What follows the scores, which are the last of an entry."""


def _keep_scores(row: TraceRow, entry_before: str | None) -> None:
    """Leave the scores as they are stored. Both entries here are rendered without scores."""
    row.keeps_scores = True
    if row.entry is not None and entry_before is not None and row.entry != entry_before:
        row.entry = row.entry.removesuffix(_END_OF_ENTRY)
        row.entry_from = len(entry_before.removesuffix(_END_OF_ENTRY)) + 1
    else:
        row.entry, row.keeps_entry = None, True
