"""The traces of an experiment as rows: the slowest, the most expensive, the failed, or all of them."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, Text, cast, func, literal, select

from ..columnar.first_rows import Position
from ..columnar.reader import Columns
from ..domain.keys import TenantId, TraceKey
from ..domain.span import Span
from ..filters.compile import compile_predicate
from ..reading.logs import first_spans, logs_where
from ..stats.rolled_up import rolled_up
from ..store.session import Database
from ..store.tables import traces
from .keyset import Behind, Sorting
from .narrowing import COLUMN_OF_SORT, starts_of_rows
from .questions import ALWAYS, Question
from .snapshot import Experiment, Snapshot, snapshot

MAX_LIMIT, MAX_OFFSET = 200, 100_000

_AT_ONCE = 250
"""Rows that are made at a time: others wait for that."""

_c = traces.c
SORTS: Mapping[str, ColumnElement[Any]] = {
    "start_time": _c.start_time,
    "latency": _c.latency_us,
    "cost": _c.cost_pd,
    "ttft": _c.ttft_us,
    "tps": _c.tps,
    "prompt_tokens": _c.prompt_tokens,
    "completion_tokens": _c.completion_tokens,
    "total_tokens": _c.total_tokens,
    # A cursor may hold any number of 64 bits.
    "span_count": cast(_c.n_spans, BigInteger),
    "llm_call_count": cast(_c.n_llm_calls, BigInteger),
    "error_count": cast(_c.n_errors, BigInteger),
    "name": _c.name,
    "status": _c.status,
}

_READ = [column for column in traces.columns if column.name not in ("fold", "entry", "tenant_id", "experiment_key")]


@dataclass(frozen=True, slots=True)
class TraceListOptions:
    """By a name of `SORTS`, or by the first score of the evaluator of the key `score`; which rows of that order, and
    whether with what went in and out."""

    sort_by: str = "start_time"
    score: str | None = None
    descending: bool = True
    limit: int = 50
    offset: int = 0
    with_content: bool = False
    behind: Behind | None = None

    @property
    def is_by_start(self) -> bool:
        """Whether the order is by the start of the trace."""
        return self.score is None and self.sort_by == "start_time"

    def sorting(self) -> Sorting:
        """Ties are by start, of which columns know, and by id. By start, the index of traces has the rows in order."""
        column = SORTS[self.sort_by] if self.score is None else _first_score(self.score)
        keys = (_c.trace_id,) if self.is_by_start else (_c.start_time, _c.trace_id)
        return Sorting(column, keys, self.descending, self.is_by_start)

    def position_of(self, row: Any) -> Behind:
        """Where a row of the list is in its order."""
        keys = (row.trace_id,) if self.is_by_start else (row.start_time, row.trace_id)
        return Behind(row.sorted_by, keys)


@dataclass(frozen=True, slots=True)
class TraceList:
    """Rows of `traces` at a time; the row behind which more follow, `None` where none does; where content is wanted,
    the root or else the earliest span of each trace by trace id."""

    experiment: Experiment
    as_of: int
    rows: Sequence[Any]
    next: Behind | None
    firsts: Mapping[str, Span] = field(default_factory=dict)


async def list_traces(
    database: Database,
    columns: Columns,
    tenant_id: TenantId,
    experiment_id: str,
    question: Question,
    options: TraceListOptions,
) -> TraceList:
    """The rows that are wanted; traces without the value that sorts come last, equal ones by start.

    Raises `NotFound`, `Unavailable`, `TooLarge`.
    """
    async with snapshot(database, tenant_id) as state:
        experiment = await state.experiment(experiment_id)
        await state.tx.plan_for_values()
        statement = _statement(state, experiment, question, options).limit(options.limit + 1).offset(options.offset)
        narrowed = await _narrowed(state, columns, experiment, question, options)
        statement = statement if narrowed is None else statement.where(narrowed)
        rows = list((await state.tx.connection.execute(statement)).all())
        shown, has_more = rows[: options.limit], len(rows) > options.limit
        keys = [TraceKey(tenant_id, row.trace_id) for row in shown] if options.with_content else []
        firsts = await first_spans(state.tx.driver, dict.fromkeys(keys))
    last = options.position_of(shown[-1]) if has_more else None
    return TraceList(experiment, state.as_of, shown, last, {key.trace_id: span for key, span in firsts.items()})


async def each_page(
    database: Database, tenant_id: TenantId, experiment_id: str, question: Question, options: TraceListOptions
) -> AsyncGenerator[tuple[Sequence[str], Sequence[Any]], None]:
    """All rows of one snapshot, page by page, each with the keys of all evaluators of the experiment.

    The first page may be empty. Raises `NotFound`, `Unavailable`.
    """
    async with snapshot(database, tenant_id, bounded=False) as state:
        experiment = await state.experiment(experiment_id)
        await state.tx.plan_for_values()
        _, scores = await rolled_up(state.tx.driver, experiment.key, ALWAYS)
        keys, any_given = sorted(scores), False
        rows = await state.tx.connection.stream(_statement(state, experiment, question, options))
        async for page in rows.partitions(_AT_ONCE):
            yield keys, page
            any_given = True
        if not any_given:
            yield keys, []


async def _narrowed(
    state: Snapshot, columns: Columns, experiment: Experiment, question: Question, options: TraceListOptions
) -> ColumnElement[bool] | None:
    """A condition that leaves few rows to sort, among which are the wanted ones."""
    column = COLUMN_OF_SORT.get(options.sort_by) if options.score is None else options.score
    if column is None:
        return None
    behind = None if options.behind is None else Position(options.behind.value, options.behind.keys[0])
    return await starts_of_rows(
        state,
        columns,
        experiment,
        question,
        column,
        options.offset + options.limit + 1,
        descending=options.descending,
        is_score=options.score is not None,
        behind=behind,
    )


def _statement(state: Snapshot, experiment: Experiment, question: Question, options: TraceListOptions) -> Select[Any]:
    condition = None if question.matching is None else compile_predicate(question.matching, state.tenant_id)
    where = logs_where(experiment.key, question.window.start_us, question.window.end_us, condition)
    sorting = options.sorting()
    where += [] if options.behind is None else [sorting.follows(options.behind)]
    return select(*_READ, sorting.column.label("sorted_by")).where(*where).order_by(*sorting.order())


def _first_score(key: str) -> ColumnElement[Any]:
    position = func.array_position(_c.score_keys, literal(key, Text()), type_=Integer())
    value: ColumnElement[Any] = _c.score_values[position]
    return value
