"""Reading few rows of a large experiment to sort them: columns show between which starts the first ones are."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement

from ..columnar.arms import Arm
from ..columnar.first_rows import Position, needs_of, starts_of_first
from ..columnar.reader import Columns
from ..filters.disjuncts import compile_filter
from ..stats.named_measures import NAMED
from ..store.tables import traces
from .questions import Question
from .snapshot import Experiment, Snapshot

LARGE = 20_000
"""Traces in columns; fewer are sorted as they are."""
MOST_ROWS = 1_000
"""Rows further down are not worth it."""

_IN_COLUMNS = "SELECT coalesce(sum(n), 0) FROM column_chunks WHERE experiment_key = $1"

COLUMN_OF_SORT: Mapping[str, str] = {name: measure.column for name, measure in NAMED.items()} | {
    "error_count": "n_errors"
}


async def starts_of_rows(
    state: Snapshot,
    columns: Columns,
    experiment: Experiment,
    question: Question,
    column: str,
    rows: int,
    *,
    descending: bool,
    is_score: bool,
    behind: Position | None = None,
) -> ColumnElement[bool] | None:
    """A condition that the first `rows` traces fulfil, ordered by the column, or by the first score of the evaluator of
    this key, ties by start; with `behind` those from this position on. `None` where there is none that helps."""
    if rows > MOST_ROWS or await state.tx.driver.fetchval(_IN_COLUMNS, experiment.key) < LARGE:
        return None
    matching = None if question.matching is None else compile_filter(question.matching, state.tenant_id)
    arm = Arm(experiment.key, question.window, matching)
    (selection,) = await columns.select(state.tx, [arm], needs_of(column, is_score=is_score))
    starts = await columns.run(
        lambda: starts_of_first(selection, column, rows, descending=descending, is_score=is_score, behind=behind)
    )
    return traces.c.start_time.in_(starts)
