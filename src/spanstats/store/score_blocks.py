"""SQL for traces whose scores are in blocks (`score_blocks`): which traces these are, and their stats entry."""

IN_BLOCKS = b"\x04"
"""What the fold of a trace begins with whose scores are in blocks. Blocks of another trace are out of date."""

HAS_BLOCKS = rf"t.fold IS NOT NULL AND substr(t.fold, 1, 1) = '\x{IN_BLOCKS.hex()}'::bytea"

_JOINED = "string_agg(b.entry, ',' ORDER BY b.start_us, b.span_id)"
_OF_BLOCKS = f"""
SELECT CASE WHEN right(t.entry, 3) = '[]}}' THEN {_JOINED} ELSE ',' || {_JOINED} END
FROM score_blocks b WHERE b.tenant_id = t.tenant_id AND b.trace_id = t.trace_id AND b.entry <> ''
"""
ENTRY = f"CASE WHEN {HAS_BLOCKS} THEN left(t.entry, -2) || coalesce(({_OF_BLOCKS}), '') || ']}}' ELSE t.entry END"
"""The part of a stats answer of a trace `t`. With blocks, `entry` lacks the scores in these, which come last."""
