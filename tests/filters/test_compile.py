"""The SQL of every operator on every type of field, read from `sql_cases.txt`, and of what joins them."""

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import asyncpg

from spanstats.domain.keys import TenantId
from spanstats.filters.bind import bind
from spanstats.filters.compile import compile_predicate
from spanstats.filters.fields import SpanField, UniformField
from spanstats.filters.operators import OPERATORS, Operator
from spanstats.filters.predicate import EVERYTHING, Bound, Condition, Group, Junction, Test
from spanstats.filters.root_fields import ROOTS
from spanstats.filters.span_fields import SPANS
from spanstats.filters.trace_fields import TRACES
from spanstats.store.tables import every_span, span_payloads, traces

TENANT = TenantId(7)
DIALECT = asyncpg.dialect()

LINES = [
    line
    for line in (Path(__file__).parent / "sql_cases.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
FRAGMENTS = [line.split(" = ", 1) for line in LINES if line.startswith("{")]
CASES = [tuple(line.split(" | ")) for line in LINES if not line.startswith("{")]


def sql_of(predicate: Bound, of_spans: bool = False) -> tuple[str, str]:
    """The condition's text and its parameters, in order."""
    statement: Select[tuple[str]] = select(traces.c.trace_id)
    if of_spans:
        statement = select(every_span.c.span_id).select_from(
            every_span.join(span_payloads, every_span.c.span_id.isnot(None))
        )
    compiled = statement.where(compile_predicate(predicate, TENANT)).compile(dialect=DIALECT)
    sql = re.sub(r"\(SELECT [^()]* FROM spans UNION ALL SELECT .*? FROM packed_spans\) AS ", "", str(compiled))
    text = re.sub(r"\s+", " ", sql).split(" WHERE ", 1)[1]
    return text, repr([compiled.params[name] for name in compiled.positiontup or ()])


def bound(case: tuple[str, ...]) -> Test:
    field, operator, values, *_ = case
    name, _, key = field.removeprefix("span:").partition("__")
    condition = Condition(name, Operator(operator), tuple(json.loads(values)), ("here",), key or None)
    predicate = bind(Group("AND", (condition,), ()), SPANS if field.startswith("span:") else TRACES)
    assert isinstance(predicate, Junction)
    (test,) = predicate.members
    assert isinstance(test, Test)
    return test


def test_each_operator_becomes_its_sql_on_each_kind() -> None:
    for case in CASES:
        *_, expected, params = case
        for name, fragment in FRAGMENTS:
            expected = expected.replace(name, fragment)
        assert sql_of(bound(case), case[0].startswith("span:")) == (expected, params), case


def test_the_cases_cover_every_operator_on_every_kind_that_it_applies_to() -> None:
    covered = {(case[1], bound(case).field.type) for case in CASES}
    assert covered == {(operator.value, type_) for operator, spec in OPERATORS.items() for type_ in spec.types}


def test_no_filter_compiles_to_true() -> None:
    assert sql_of(EVERYTHING) == ("true", "[]")


def test_an_or_of_nothing_never_holds() -> None:
    assert sql_of(Junction("OR", ())) == ("false", "[]")


def test_members_of_groups_are_joined_by_their_own_connector() -> None:
    one, other = (Condition("name", Operator.EQUALS, (text,), ()) for text in "ab")
    tree = Group("OR", (one, Group("AND", (one, other), ())), ())
    a, b, c = (f"traces.name = ${n}::VARCHAR" for n in (1, 2, 3))
    assert sql_of(bind(tree, TRACES)) == (f"{a} OR {b} AND {c}", "['a', 'a', 'b']")


def test_spans_are_read_for_their_model_only_where_models_differ() -> None:
    text, _ = sql_of(bind(Group("AND", (Condition("model", Operator.EQUALS, ("m",), ()),), ()), TRACES))
    same = "every_span.tenant_id = $2::INTEGER AND every_span.trace_id = traces.trace_id"
    of_spans = f"{same} AND every_span.model = $3::VARCHAR"
    look = f"EXISTS (SELECT 1 FROM every_span WHERE {of_spans} LIMIT ALL OFFSET 0)"
    assert text == f"traces.model = $1::VARCHAR OR traces.many_models AND ({look})"


SPAN_SCOPED = [(name, spec) for name, spec in TRACES.fields.items() if isinstance(spec, SpanField | UniformField)]


@pytest.mark.parametrize(("name", "spec"), SPAN_SCOPED, ids=[name for name, _ in SPAN_SCOPED])
def test_every_look_at_spans_names_tenant_and_trace(name: str, spec: SpanField | UniformField) -> None:
    text, params = sql_of(bind(Group("AND", (Condition(name, Operator.ISNULL, (True,), ()),), ()), TRACES))
    table = spec.table.name
    assert f"{table}.tenant_id = $1::INTEGER AND {table}.trace_id = traces.trace_id" in text
    assert params.startswith(f"[{TENANT}")


def test_a_filter_is_compiled_from_covered_columns_without_the_tenant_of_the_row() -> None:
    conditions = tuple(
        Condition(name, Operator.NOT_EQUALS, (1,), ()) for name in ("status", "model", "total_cost", "duration")
    )
    text, _ = sql_of(bind(Group("AND", conditions, ()), TRACES))
    used = set(re.findall(r"traces\.(\w+)", text))
    assert used == {"status", "model", "many_models", "cost_pd", "latency_us", "trace_id"}


def test_a_root_is_looked_up_by_key_and_its_metadata_by_the_index_of_its_trace() -> None:
    equals = Condition("metadata", Operator.EQUALS, ("a",), (), "k")
    text, _ = sql_of(bind(Group("AND", (equals,), ()), ROOTS))
    for table, span_id in (("span_payloads", "span_id"), ("packed_payloads", "root_id")):
        of_trace = rf"{table}.tenant_id = \$\d+::INTEGER AND {table}.trace_id = traces.trace_id"
        assert re.search(rf"FROM {table} WHERE {of_trace} AND {table}.{span_id} = traces.root_span_id", text)
    assert text.startswith("coalesce((SELECT ")
    assert text.count("traces.metadata @> ") == 2
