"""Scores of a long trace in blocks: a span with scores changes one block, which its rank among the spans decides.

The blocks hold the scores of all spans but the root, whose scores come first and stay in the fold. They are in the
order of start and span id, as the scores of a trace are, and each begins where its key says.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .span import Span
from .trace_fold import SpanScores, TraceFold

BLOCKS_FROM = 128
"""From this number of spans with scores on these are kept in blocks."""
MAX_SPANS = 64
"""Of one block."""

FIRST = (0, "")
"""The key of the first block of a trace: no span comes before it."""


@dataclass(frozen=True, slots=True)
class ScoreBlock:
    """The scores of the spans from its key (start in microseconds since 1970, span id) up to the key of the next."""

    key: tuple[int, str]
    spans: list[SpanScores]

    @property
    def n_scores(self) -> int:
        return sum(len(span.scores) for span in self.spans)


@dataclass(frozen=True, slots=True)
class Insertion:
    """Scores of new spans, next to each other in the order of all; `position` is how many come before them but the
    root's. `blocks` are the blocks that change, as they are then."""

    position: int
    spans: list[SpanScores]
    blocks: list[ScoreBlock]


def blocks_of(spans: Iterable[SpanScores]) -> list[ScoreBlock]:
    """All blocks of a trace that has these scores besides its root's."""
    return _blocks(FIRST, sorted(spans, key=order_of), MAX_SPANS)


def added_scores(fold: TraceFold, spans: Sequence[Span]) -> list[SpanScores] | None:
    """What new spans add to the blocks of this fold, in order. `None` where another root's scores come first then."""
    added = sorted((scores_of(span) for span in spans if span.scores), key=order_of)
    first = min((span.root_order for span in spans if span.is_root), default=None)
    is_other_root = first is not None and (fold.root is None or first < fold.root.order)
    return None if is_other_root and (added or fold.scores) else added


def insert(block: ScoreBlock, before: int, spans: list[SpanScores]) -> Insertion | None:
    """These new spans, in order, in the block that the last of them belongs to; `before` is how many scores the blocks
    before it have. `None` where the new ones are not next to each other."""
    low, high = order_of(spans[0]), order_of(spans[-1])
    at = sum(order_of(span) < low for span in block.spans)
    if low < block.key or at != sum(order_of(span) < high for span in block.spans):
        return None
    position = before + sum(len(span.scores) for span in block.spans[:at])
    # Most spans come in the order of their start: a block that is full stays full.
    size = MAX_SPANS if at == len(block.spans) else MAX_SPANS // 2
    after = [*block.spans[:at], *spans, *block.spans[at:]]
    return Insertion(position, spans, _blocks(block.key, after, size if len(after) > MAX_SPANS else MAX_SPANS))


def order_of(scores: SpanScores) -> tuple[int, str]:
    """Start and id of their span."""
    return scores.start_us, scores.span_id


def scores_of(span: Span) -> SpanScores:
    """The scores of a settled span."""
    return SpanScores(*_order(span), span.scores or [])


def _order(span: Span) -> tuple[int, str]:
    assert span.start_us is not None
    return span.start_us, span.span_id


def _blocks(key: tuple[int, str], spans: list[SpanScores], size: int) -> list[ScoreBlock]:
    parts = [spans[start : start + size] for start in range(0, len(spans), size)]
    return [ScoreBlock(key if number == 0 else order_of(part[0]), part) for number, part in enumerate(parts)]
