"""The tables; those of caches are in `cache_tables.py`.

No foreign key, unique index or trigger joins rows of different traces on the growing tables, and every row of a trace
is found by (tenant_id, trace_id).
"""

from .catalog_tables import api_keys, datasets, evaluators, experiments, projects, tenants, test_cases
from .columns import ByBytes, Time, metadata, optional, required, written_at
from .every_span import as_in_spans, digest_in, every_span, every_span_with, has_span_id
from .shard_tables import move_log, packing, primary_lives, shards, tenant_fences, tenant_moves
from .span_tables import (
    USUAL,
    early_scores,
    packed_payloads,
    packed_spans,
    patches,
    score_blocks,
    scores,
    span_payloads,
    spans,
)
from .trace_table import MEASURED, traces

__all__ = [
    "MEASURED",
    "USUAL",
    "ByBytes",
    "Time",
    "api_keys",
    "as_in_spans",
    "datasets",
    "digest_in",
    "early_scores",
    "evaluators",
    "every_span",
    "every_span_with",
    "experiments",
    "has_span_id",
    "metadata",
    "move_log",
    "optional",
    "packed_payloads",
    "packed_spans",
    "packing",
    "patches",
    "primary_lives",
    "projects",
    "required",
    "score_blocks",
    "scores",
    "shards",
    "span_payloads",
    "spans",
    "tenant_fences",
    "tenant_moves",
    "tenants",
    "test_cases",
    "traces",
    "written_at",
]
