"""Scores that are text: in how many items both arms have the same."""

from collections.abc import Sequence

from sqlalchemy import CTE, and_, func, literal_column, or_, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by

from ..store.session import Transaction
from ..store.tables import scores, traces
from .arms import ResolvedArm
from .measures import Scores
from .pairing import PairBy
from .results import TextResult


async def agreements(
    tx: Transaction, base: ResolvedArm, candidate: ResolvedArm, pair_by: PairBy, measures: Sequence[Scores]
) -> list[TextResult]:
    """By measure the items with text in both arms, and those with the same texts, in any order."""
    results = []
    for measure in measures:
        arms = _texts("base", base, pair_by, measure), _texts("candidate", candidate, pair_by, measure)
        counts = "count(*) AS items, count(*) FILTER (WHERE b.in_order = c.in_order) AS same"
        both = text("base_texts b JOIN candidate_texts c ON b.key = c.key")
        row = await tx.only_row(select(literal_column(counts)).select_from(both).add_cte(*arms))
        results.append(TextResult(measure, row["items"], row["same"]))
    return results


def _texts(name: str, arm: ResolvedArm, pair_by: PairBy, measure: Scores) -> CTE:
    """The texts of each item in order."""
    of_trace = and_(scores.c.tenant_id == traces.c.tenant_id, scores.c.trace_id == traces.c.trace_id)
    key = pair_by.key()
    in_order = func.array_agg(aggregate_order_by(scores.c.text, scores.c.text)).label("in_order")
    return (
        select(key.label("key"), in_order)
        .select_from(traces.join(scores, of_trace))
        .where(or_(*arm.disjuncts), scores.c.evaluator_key == measure.key, scores.c.text.is_not(None), key.is_not(None))
        .group_by(literal_column("key"))
        .cte(f"{name}_texts")
    )
