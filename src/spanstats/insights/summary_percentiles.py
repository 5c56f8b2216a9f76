"""Percentiles beside a summary, of the same snapshot."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from ..columnar.reader import Columns
from ..domain.keys import TenantId
from ..errors import invalid
from ..filters.disjuncts import compile_filter
from ..stats.summary import Summary, summarize_in
from ..store.session import Database
from .figures import answer
from .measures import MAX_PERCENTILES, OPERATIONAL, MeasureSpec, percentile
from .measuring import measure
from .questions import Question
from .snapshot import snapshot

MEASURES = ("latency", "cost", "ttft", "total_tokens")
"""Of which a summary has percentiles."""

Percentiles = Mapping[str, Mapping[str, float | int | None]]
"""By measure and percent, in the unit of the measure."""


def read_percents(names: Sequence[str]) -> dict[str, Fraction]:
    """Shares by percent, such as 19/20 by `95`. Raises `InvalidInput` located at `percentiles`."""
    shares = {name: percentile(f"p{name}") for name in names}
    if not 1 <= len(shares) <= MAX_PERCENTILES:
        raise invalid(f"must name 1 to {MAX_PERCENTILES} percents", "percentiles", code="too_long")
    wrong = [name for name, share in shares.items() if share is None]
    if wrong:
        message = f"{wrong[0][:100]!r} is no number from 0 to 100 with at most three decimals"
        raise invalid(message, "percentiles", code="out_of_range")
    return {name: share for name, share in shares.items() if share is not None}


async def summarize_with_percentiles(
    columns: Columns,
    database: Database,
    tenant_id: TenantId,
    experiment_id: str,
    question: Question,
    percents: Mapping[str, Fraction],
) -> tuple[Summary, Percentiles]:
    """The summary of the traces that the question is about, and the percentiles of `MEASURES`.

    Raises `NotFound`, `Unavailable`.
    """
    specs = [MeasureSpec(OPERATIONAL[name], (), dict(percents)) for name in MEASURES]
    matching = None if question.matching is None else compile_filter(question.matching, tenant_id)
    async with snapshot(database, tenant_id) as state:
        await state.tx.plan_for_values()
        summary = await summarize_in(state.tx, columns, tenant_id, experiment_id, question.window, matching)
        experiment = await state.experiment(experiment_id)
        of_traces = Question(question.window, question.matching, specs)
        measured = await measure(state, columns, experiment.key, of_traces)
    answers = {spec.measure.name: answer(spec, figures) for spec, figures in measured.figures}
    return summary, {name: {percent: figures[percent] for percent in percents} for name, figures in answers.items()}
