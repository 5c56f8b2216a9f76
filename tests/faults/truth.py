"""What is in the store after a fault, compared with what was acknowledged and with itself."""

from tests.conftest import run_sql

# Every figure of every trace anew, straight from its spans.
_DIFFERING = """
SELECT t.trace_id FROM traces t FULL JOIN (
    SELECT tenant_id, trace_id, count(*) AS n, sum(prompt_tokens) AS prompt, sum(completion_tokens) AS completion,
        sum(total_tokens) AS total, sum(cost_pd) AS cost, count(*) FILTER (WHERE status = 'error') AS errors,
        (array_agg(span_id) FILTER (WHERE parent_id IS NULL OR parent_id = span_id OR span_id = trace_id))[1] AS root
    FROM spans GROUP BY 1, 2
) s USING (tenant_id, trace_id)
WHERE (t.n_spans, t.prompt_tokens, t.completion_tokens, t.total_tokens, t.n_errors)
    IS DISTINCT FROM (s.n::int, coalesce(s.prompt, 0), coalesce(s.completion, 0), coalesce(s.total, 0), s.errors::int)
    OR t.cost_pd IS DISTINCT FROM s.cost OR t.root_span_id IS DISTINCT FROM s.root
"""
_PAYLOADS = "SELECT count(*) AS n FROM spans FULL JOIN span_payloads p USING (tenant_id, trace_id, span_id)"
_ORPHANS = f"{_PAYLOADS} WHERE spans.span_id IS NULL"


def check_store(url: str, acknowledged: set[tuple[str, str]]) -> None:
    """Every acknowledged span is there, once, and every trace is what its spans make it."""
    rows = run_sql(url, "SELECT trace_id, span_id FROM spans")
    stored = [(row["trace_id"], row["span_id"]) for row in rows]
    assert len(stored) == len(set(stored)), "a span is there twice"
    assert acknowledged, "nothing was acknowledged: the test proves nothing"
    missing = acknowledged - set(stored)
    assert not missing, f"{len(missing)} of {len(acknowledged)} acknowledged spans are lost, such as {min(missing)}"
    assert [row["trace_id"] for row in run_sql(url, _DIFFERING)] == []
    assert run_sql(url, _ORPHANS)[0]["n"] == 0
