"""Each arm's own sums, as its summary has them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, Text, exists, func, literal, literal_column, or_, select

from ..columnar.arms import Arm as ColumnArm
from ..columnar.reader import Columns
from ..domain.values import NANO
from ..stats.matching import rows_of
from ..stats.rolled_up import rolled_up
from ..stats.summary import filtered
from ..stats.sums import ScoreSums, Sums
from ..store.session import Transaction
from ..store.tables import traces
from .arms import Found
from .measures import MEASURED_COLUMNS, OTHER_COLUMNS, Measure, Number, Scores
from .sums import ArmSums


@dataclass(frozen=True, slots=True)
class Totals:
    """The summary's sums of an arm, and by measure what the summary does not add up."""

    sums: Sums
    others: Mapping[str, int]

    @property
    def traces(self) -> int:
        return self.sums[0]["n"] or 0

    @property
    def failed(self) -> int:
        return self.sums[0]["n_errors"] or 0

    def of(self, measure: Measure, with_score: int = 0) -> ArmSums:
        """The arm's sums of the measure; `with_score` is how many traces have such a score."""
        if isinstance(measure, Number):
            return self._of_number(measure)
        found = self.sums[1].get(measure.key, ScoreSums())
        n, total = found.n + found.n_true + found.n_false, found.total + found.n_true * NANO
        squares = found.squares + found.n_true * NANO * NANO
        return ArmSums(NANO, n, total, squares, with_score, self.traces - with_score)

    def _of_number(self, measure: Number) -> ArmSums:
        n = self.traces
        if measure.summed is not None and f"n_{measure.summed}" in self.sums[0]:
            n = self.sums[0][f"n_{measure.summed}"] or 0
        total = self.others.get(measure.name, 0)
        if measure.summed is not None:
            total = self.sums[0][measure.summed] or 0
        squares = self.others.get(f"{measure.name}_squared", total if measure.boolean else 0)
        return ArmSums(measure.one, n, total, squares, n, self.traces - n)

    def is_boolean(self, key: str) -> bool:
        """Whether the evaluator's scores are all true or false."""
        found = self.sums[1].get(key)
        return found is None or (found.n == 0 and found.n_text == 0)

    def is_text(self, key: str) -> bool:
        """Whether the evaluator has text and no number."""
        found = self.sums[1].get(key)
        return found is None or (found.n + found.n_true + found.n_false == 0 and found.n_text > 0)


async def totals_of(columns: Columns, tx: Transaction, found: Found, measures: Iterable[Measure] | None) -> Totals:
    """The arm's sums; of measures that summaries do not add up, those among `measures`."""
    sums = await _sums(columns, tx, found)
    asked = [m for m in measures or () if isinstance(m, Number) and m.summed is None]
    return Totals(sums, await _more(tx, found, {m.name: f"sum({m.sql})" for m in asked}))


async def with_squares(tx: Transaction, found: Found, totals: Totals, measures: Sequence[Measure]) -> Totals:
    """The same with the sums of squares that Welch's test needs."""
    numbers = [m for m in measures if isinstance(m, Number) and not m.boolean]
    squares = {f"{m.name}_squared": f"sum({m.sql}::numeric * {m.sql})" for m in numbers}
    return replace(totals, others={**totals.others, **await _more(tx, found, squares)})


async def traces_with_scores(tx: Transaction, found: Found, measures: Sequence[Measure]) -> dict[str, int]:
    """How many traces of the arm have a number of each evaluator, by its key."""
    keys = [m.key for m in measures if isinstance(m, Scores)]
    each = func.unnest(traces.c.score_keys, traces.c.score_values).table_valued("k", "v").render_derived()
    counts = [
        func.count().filter(exists().where(each.c.k == literal(key, Text()), each.c.v.is_not(None))).label(f"t{i}")
        for i, key in enumerate(keys)
    ]
    if not counts:
        return {}
    statement: Any = select(*counts).select_from(traces).where(or_(*found.parts))
    row = await tx.only_row(statement)
    return {key: row[f"t{i}"] for i, key in enumerate(keys)}


async def _sums(columns: Columns, tx: Transaction, found: Found) -> Sums:
    arm = found.arm
    if arm.matching is None:
        return await rolled_up(tx.driver, found.key, arm.window)
    traces_of = ColumnArm(found.key, arm.window, arm.matching)
    return await filtered(columns, tx, traces_of, places=found.n_scores)


async def _more(tx: Transaction, found: Found, aggregates: Mapping[str, str]) -> dict[str, int]:
    """Aggregates that are read from the traces themselves."""
    if not aggregates:
        return {}
    columns = [traces.c[name] for name in (*MEASURED_COLUMNS, *OTHER_COLUMNS)]
    sums = ", ".join(f"{sql} AS {name}" for name, sql in aggregates.items())
    statement: Select[Any] = select(literal_column(sums)).select_from(
        rows_of(found.parts, *columns).subquery("matching")
    )
    row = await tx.only_row(statement)
    return {name: int(row[name] or 0) for name in aggregates}
