"""Random traces and random filters: PostgreSQL must find what plain Python finds."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.span import Score, Span
from spanstats.filters.bind import bind
from spanstats.filters.field_types import FieldType
from spanstats.filters.fields import FieldTable
from spanstats.filters.operators import OPERATORS, Arity, Operator, Reads
from spanstats.filters.predicate import Condition, Group
from spanstats.filters.root_fields import ROOTS
from spanstats.filters.span_fields import SPANS
from spanstats.filters.trace_fields import TRACES
from spanstats.store.session import Database
from spanstats.store.session import Kind as TransactionKind
from tests.examples import examples

from . import oracle
from .world import EMPTY, by_trace, matching_spans, matching_traces, store

pytestmark = pytest.mark.anyio

TEXTS = ("", "a", "A", "aB", "ab%", "a_b", "\\", "b\\", "Ä", "ä", "ß\n", "1", "true")
LITERAL_TEXTS = (*TEXTS, "%", "_", "a%", "%b", "a\\", "zz", "\x00", "\ud800")
PATTERNS = (
    *(
        "",
        "a",
        "^a",
        "B$",
        "^a.b$",
        "(?i)^ab",
        "[%_]",
        r"\\",
        r"^\w+$",
        r"\W",
        r"\d",
        "a|true",
        "(a|A){1,2}",
        "^.$",
        "\n$",
    ),
    *("ß", "[Ää]", "(?i)ä", "0.5", r"^\[1", "SUCC", "^succ", "ss$", "\x00", "x*", "(?!a)."),
)
NUMBERS = (-1, 0, 0.5, 1, 1.5, 2, 3)
LITERAL_NUMBERS = (*NUMBERS, "0.5000000000001", "1e-300", "-1e300", 1e300, "1.0", 0.1)
MODELS = (None, "a", "A", "gpt")
START = 1_767_225_600_000_000
TIMES = ("2026-01-01", "2026-01-01T00:00:00.000001Z", "2026-01-01T05:00:00+05:00", "9999-12-31", "0001-01-01")

texts = st.none() | st.sampled_from(TEXTS)
MEMBERS = [
    *TEXTS,
    *NUMBERS,
    True,
    False,
    1.0,
    [1, "a"],
    [0.5, "1", True],
    [[1], {"a": 1}],
    {"a": 1},
    {"l": 1},
    {"l": ["a"]},
]
documents = st.dictionaries(st.sampled_from(["k", "l", "k.l"]), st.sampled_from(MEMBERS), max_size=2)
scores = st.lists(
    st.builds(Score, key=st.sampled_from("kl"), value=st.none() | st.sampled_from([0.0, 0.5, 1 / 3, 1.0])), max_size=3
)


def carried(values: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in values.items() if v is not None}


spans = st.builds(
    lambda attributes, environment, **values: Span(
        attributes=carried(attributes), labels=carried({"environment": environment}), **values
    ),
    trace_id=st.sampled_from(["t1", "t2", "t3"]),
    span_id=st.just(""),
    parent_id=st.sampled_from([None, "p", "a"]),
    name=texts,
    model=st.sampled_from(MODELS),
    provider=st.none() | st.sampled_from(TEXTS[1:]),
    status=st.sampled_from(["success", "error", "pending"]),
    status_code=st.sampled_from([None, 1, 200, 500]),
    error=st.none() | st.sampled_from(TEXTS[1:]),
    start_us=st.integers(START - 1, START + 2),
    end_us=st.integers(START + 2, START + 500_000),
    latency_us=st.sampled_from([None, 0, 500_000, 1_500_000, 2_000_000]),
    ttft_us=st.sampled_from([None, 0, 500_000]),
    prompt_tokens=st.sampled_from([None, 0, 1, 3]),
    completion_tokens=st.sampled_from([None, 0, 1, 2]),
    cost_pd=st.sampled_from([None, 0, 1, 500_000_000_000, 10**12]),
    metadata=documents,
    attributes=st.fixed_dictionaries(
        {
            "prompt_name": st.none() | st.sampled_from(TEXTS[1:]),
            "routing_time": st.none() | st.sampled_from(NUMBERS),
            "prompt_version_number": st.none() | st.sampled_from([*TEXTS[1:], *NUMBERS]),
            "stream": st.none() | st.booleans(),
        }
    ),
    environment=st.none() | st.sampled_from(TEXTS[1:]),
    scores=scores,
)


@st.composite
def worlds(draw: st.DrawFn) -> list[Span]:
    """Spans with ids that differ everywhere."""
    drawn = draw(st.lists(spans, min_size=1, max_size=9))
    for number, span in enumerate(drawn):
        span.span_id = f"s{number}"
    return drawn


def literals(type_: FieldType, operator: Operator) -> st.SearchStrategy[Any]:
    if type_ is FieldType.TIME:
        return st.sampled_from(TIMES)
    if type_ is FieldType.BOOLEAN:
        return st.sampled_from([True, False, "true", "False"])
    if OPERATORS[operator].is_pattern:
        return st.sampled_from([*PATTERNS, 1, True, 0.5])
    if type_ in (FieldType.TEXT, FieldType.VALUE) and OPERATORS[operator].reads is Reads.VALUE:
        return st.sampled_from([*LITERAL_TEXTS, 1, True, 0.5, 1.0, "1.0", "1e0", "01", "[1]", '{"a": 1}', "null"])
    if type_ is FieldType.STATUS:
        return st.sampled_from(["success", "Completed", "failed", "err", "PEND%", "", "\x00"])
    return st.sampled_from(LITERAL_NUMBERS)


@st.composite
def conditions(draw: st.DrawFn, table: FieldTable, fields: list[tuple[str, str | None]]) -> Condition:
    field, key = draw(st.sampled_from(fields))
    spec = table.scores(frozenset()) if field == "scores" else table.keyed[field]("") if key else table.fields[field]
    type_ = spec.type
    operator = draw(st.sampled_from([name for name, spec in OPERATORS.items() if type_ in spec.types]))
    one = literals(type_, operator)
    amounts = {Arity.NONE: (0, 0), Arity.ONE: (1, 1), Arity.TWO: (2, 2), Arity.MANY: (0, 3)}
    if OPERATORS[operator].arity is Arity.FLAG:
        return Condition(field, operator, (draw(st.booleans()),), (), key)
    low, high = amounts[OPERATORS[operator].arity]
    one = one | st.none() if OPERATORS[operator].arity is Arity.MANY else one
    return Condition(field, operator, tuple(draw(st.lists(one, min_size=low, max_size=high))), (), key)


def ranges() -> st.SearchStrategy[Group]:
    """Bounds that must hold for one and the same score."""
    operators = st.sampled_from([Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.EQUALS])
    bound = st.builds(lambda o, v: Condition("scores", o, (v,), (), "k"), operators, st.sampled_from(LITERAL_NUMBERS))
    return st.builds(
        lambda members: Group("AND", tuple(members), (), is_range=True), st.lists(bound, min_size=2, max_size=3)
    )


def filters(table: FieldTable, names: list[str]) -> st.SearchStrategy[Group]:
    """Trees of up to three levels over these fields, metadata and scores."""
    of_metadata = [("metadata", key) for key in ("k", "l", "k.l")]
    keyed = [*of_metadata, ("scores", "k"), ("scores", "nobody's")]
    leaf = conditions(table, [*((name, None) for name in names), *keyed]) | ranges()
    connectors = st.sampled_from(["AND", "OR"])

    def group(member: st.SearchStrategy[Any]) -> st.SearchStrategy[Group]:
        return st.builds(lambda c, m: Group(c, tuple(m), ()), connectors, st.lists(member, min_size=1, max_size=3))

    return group(leaf | group(leaf | group(leaf)))


ON_TRACES = filters(TRACES, sorted((oracle.OF_TRACE.keys() | oracle.OF_SPAN.keys()) & TRACES.fields.keys()))
ON_SPANS = filters(SPANS, sorted(oracle.OF_SPAN.keys() & SPANS.fields.keys()))
ROOT_FIELDS = ["span_unique_id", "span_name", "status", "latency", "cost", "time_to_first_token", "prompt_tokens"]
ON_ROOTS = filters(ROOTS, [*ROOT_FIELDS, "error_message"])

with_database = settings(
    max_examples=examples(12),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def refill(engine: AsyncEngine, world: list[Span]) -> None:
    async with Database(engine).transaction(TransactionKind.WRITE) as tx:
        await tx.driver.execute(EMPTY)
    await store(engine, world)


@given(world=worlds(), trees=st.lists(ON_TRACES, min_size=1, max_size=8))
@with_database
async def test_traces_are_found_as_plain_python_finds_them(
    engine: AsyncEngine, world: list[Span], trees: list[Group]
) -> None:
    def passes(tree: Group, members: list[Span]) -> bool:
        return oracle.holds(tree, lambda field, key: oracle.values_of_trace(members, field, key), oracle.Rules())

    await refill(engine, world)
    for tree in trees:
        expected = {trace_id for trace_id, members in by_trace(world).items() if passes(tree, members)}
        assert await matching_traces(engine, bind(tree, TRACES)) == expected, tree


@given(world=worlds(), trees=st.lists(ON_SPANS, min_size=1, max_size=8))
@with_database
async def test_spans_are_found_as_plain_python_finds_them(
    engine: AsyncEngine, world: list[Span], trees: list[Group]
) -> None:
    rules = oracle.Rules(rounds=False)

    def passes(tree: Group, span: Span) -> bool:
        return oracle.holds(tree, lambda field, key: oracle.values_of_span(span, field, key), rules)

    await refill(engine, world)
    for tree in trees:
        expected = {span.span_id for span in world if passes(tree, span)}
        assert await matching_spans(engine, bind(tree, SPANS)) == expected, tree


@given(world=worlds(), trees=st.lists(ON_ROOTS, min_size=1, max_size=8))
@with_database
async def test_root_logs_are_found_as_plain_python_finds_them(
    engine: AsyncEngine, world: list[Span], trees: list[Group]
) -> None:
    rules = oracle.Rules(needs_value=frozenset({oracle.SCORES}))
    rooted = {t: (members, root) for t, members in by_trace(world).items() if (root := oracle.root_of(members))}

    def passes(tree: Group, members: list[Span], root: Span) -> bool:
        return oracle.holds(tree, lambda field, key: oracle.values_of_root(members, root, field, key), rules)

    await refill(engine, world)
    for tree in trees:
        expected = {trace_id for trace_id, of_trace in rooted.items() if passes(tree, *of_trace)}
        assert await matching_traces(engine, bind(tree, ROOTS)) & rooted.keys() == expected, tree
