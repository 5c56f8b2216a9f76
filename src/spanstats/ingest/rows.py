"""The rows of spans and traces as `write_statements.py` reads them, and the bytes of a trace's fold."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec

from ..domain.keys import ExperimentKey, TenantId
from ..domain.span import Score, ScoreKind
from ..domain.trace import Trace
from ..domain.trace_fold import SpanScores, TraceFold
from ..domain.values import billionths
from ..store.score_blocks import IN_BLOCKS

_encode = msgspec.json.Encoder().encode

_pack = msgspec.msgpack.Encoder().encode

_unpack = msgspec.msgpack.Decoder(TraceFold).decode

_unpack_scores = msgspec.msgpack.Decoder(list[SpanScores]).decode

# A fold of another shape is not read: its trace is folded from its spans. So it is where entries have another shape.
_WITHOUT_BLOCKS = b"\x03"


def to_json(value: object) -> str:
    """The value as a JSON document, as the driver takes it."""
    return _encode(value).decode()


class TraceRow(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A row of `traces`, as it is sent; times in microseconds since 1970."""

    tenant_id: TenantId
    trace_id: str
    experiment_key: ExperimentKey | None = None
    start_us: int
    end_us: int
    latency_us: int | None = None
    ttft_us: int | None = None
    tps: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cost_pd: int | None = None
    n_spans: int = 0
    n_errors: int = 0
    n_llm_calls: int = 0
    n_unpriced: int = 0
    has_root: bool = False
    many_models: bool = False
    status: str
    model: str | None = None
    name: str | None = None
    root_span_id: str | None = None
    labels: dict[str, str] | None = None
    metadata: dict[str, Any] | None = None
    score_keys: list[str] | None = None
    score_values: list[int | None] | None = None
    score_kinds: list[int] | None = None
    entry: str | None = None
    fold: str | None = None
    fold_scores: str | None = None
    keeps_scores: bool = False
    """`score_keys` and so on stay as they are stored."""
    scores_at: int | None = None
    """The scores of the row come behind this number of the stored ones."""
    keeps_entry: bool = False
    entry_from: int = 0
    """Where not 0, the entry is the one here and what is stored from this character on, counted from 1."""
    item_key: str | None = None
    target_key: int | None = None


_FROM_TRACE = tuple(f for f in Trace.__struct_fields__ if f in TraceRow.__struct_fields__)

_from_trace = attrgetter(*_FROM_TRACE)


def trace_row(tenant_id: TenantId, trace: Trace, entry: str | None, state: TraceFold | None) -> TraceRow:
    """The row of this trace, with its part of a stats answer and the fold that it keeps."""
    row = TraceRow(tenant_id=tenant_id, entry=entry, **dict(zip(_FROM_TRACE, _from_trace(trace), strict=True)))
    row.labels, row.metadata = trace.labels or None, trace.metadata or None
    set_scores(row, trace.scores)
    if state is not None:
        row.fold = pack_fold(state).hex()
        row.fold_scores = pack_scores(state.scores).hex() if state.scores and not state.in_blocks else None
    return row


def set_scores(row: TraceRow, scores: Sequence[Score]) -> None:
    """Let the row have these scores alone."""
    kinds = [_score_kind(s) for s in scores]
    row.score_keys = [s.key for s in scores] or None
    row.score_values = [billionths(s.value) for s in scores] or None
    row.score_kinds = kinds if any(kinds) else None


def row_bytes(row: TraceRow) -> int:
    """The bytes of the parts of a row that grow with every span: metadata and labels, the entry, the fold.

    Parts that stay as they are stored do not count.
    """
    folded = len(row.fold or "") + len(row.fold_scores or "")
    return len(_encode((row.labels, row.metadata))) + len(row.entry or "") + folded // 2


def _score_kind(score: Score) -> int:
    if score.value is None:
        return ScoreKind.TEXT
    return ScoreKind.BOOLEAN if score.value_type == "boolean" else ScoreKind.NUMBER


def pack_fold(state: TraceFold) -> bytes:
    """With the root's scores where the others are in blocks, else without scores, which have a column of their own."""
    if state.in_blocks:
        return IN_BLOCKS + _pack(state)
    return _WITHOUT_BLOCKS + _pack(msgspec.structs.replace(state, scores=[]))


def pack_scores(scores: Sequence[SpanScores]) -> bytes:
    """Scores of a fold, as `unpack_scores` reads them."""
    return _pack(scores)


def unpack_scores(packed: bytes) -> list[SpanScores]:
    """The scores that were packed."""
    return _unpack_scores(packed)


def unpack_fold(packed: bytes | None) -> TraceFold | None:
    """The stored fold; `None` if there is none that this version can continue."""
    if packed is None or packed[:1] not in (_WITHOUT_BLOCKS, IN_BLOCKS):
        return None
    return _unpack(packed[1:])
