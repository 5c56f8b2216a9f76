"""Which members of labels and metadata have columns, and which are left to be read from the traces."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.columnar.chunk import Info
from spanstats.columnar.format import EVERY_NAME
from spanstats.columnar.members import FEW_VALUES, LONGEST, MOST_NAMES, Members
from spanstats.columnar.stored import unpacked
from spanstats.domain.span import Span
from spanstats.stats.maintenance import mismatches
from spanstats.store.session import Database
from tests.ingest.worlds import START, TENANT, committer, rows
from tests.stats.warming import refresh_columns, warm

INFOS = "WHERE name = '' ORDER BY experiment_key"

objects = st.dictionaries(
    st.sampled_from(["a", "b", "name", ""]), st.none() | st.integers(-2, 2) | st.sampled_from(["x", "1", "null"])
)
traces = st.lists(st.tuples(st.none() | objects, st.none() | objects))


def as_json(value: object) -> str | None:
    return None if value is None else json.dumps(value)


def made_of(*metadata: dict[str, Any] | None) -> Members:
    members = Members()
    members.add([None] * len(metadata), list(map(as_json, metadata)))
    return members


def decoded(members: Members, n: int) -> list[dict[str, Any]]:
    """What the columns say of each of `n` traces."""
    objects: list[dict[str, Any]] = [{} for _ in range(n)]
    for name, column in members.columns().items():
        for of_trace, code in zip(objects, column.codes, strict=True):
            if code:
                of_trace[name] = json.loads(column.values[code - 1])
    return objects


@given(traces, st.integers(1, 5))
def test_every_value_is_found_again(stored: list[tuple[Any, Any]], part: int) -> None:
    members = Members()
    for begin in range(0, len(stored), part):
        labels, metadata = zip(*stored[begin : begin + part], strict=True)
        members.add(list(map(as_json, labels)), list(map(as_json, metadata)))
    expected = [
        {
            **{f"labels.{k}": v for k, v in (labels or {}).items() if v is not None},
            **{f"metadata.{k}": v for k, v in (metadata or {}).items() if v is not None},
        }
        for labels, metadata in stored
    ]
    assert decoded(members, len(stored)) == expected
    assert members.omitted() == ()


def test_a_name_of_too_many_values_is_omitted() -> None:
    few = made_of(*({"a": n, "b": n // 2} for n in range(FEW_VALUES)))
    assert list(few.columns()) == ["metadata.a", "metadata.b"]
    assert few.omitted() == ()
    some = made_of(*({"a": n, "b": n // 2} for n in range(FEW_VALUES + 1)), {"a": 0})
    assert list(some.columns()) == ["metadata.b"]
    assert some.omitted() == ("metadata.a",)
    # Beside many traces a dictionary of more values is worth while.
    assert list(made_of(*({"a": n % 10_000} for n in range(40_000))).columns()) == ["metadata.a"]


def test_a_name_with_a_long_value_is_omitted() -> None:
    some = made_of({"a": "x" * (LONGEST - 2), "b": "x" * (LONGEST - 1)}, {"b": "short", "c" * LONGEST: 1})
    assert list(some.columns()) == ["metadata.a", "metadata." + "c" * LONGEST]
    assert some.omitted() == ("metadata.b",)


def test_names_beyond_a_number_are_omitted() -> None:
    some = made_of({f"k{n:03}": 1 for n in range(MOST_NAMES + 2)}, {"k000": 2})
    assert len(some.columns()) == MOST_NAMES
    assert some.omitted() == tuple(f"metadata.k{n:03}" for n in range(MOST_NAMES, MOST_NAMES + 2))


def test_no_chunk_lists_more_than_some_megabytes() -> None:
    some = made_of(*({f"k{k}": f"{n:0250}" for k in range(10)} for n in range(2_000)))
    listed = sum(len(value) for column in some.columns().values() for value in column.values)
    assert 10**6 < listed < 5 * 10**6
    assert some.omitted()
    assert len(some.columns()) + len(some.omitted()) == 10


@pytest.mark.parametrize("odd", [{f"k{n}": n for n in range(300)}, {"k" * (LONGEST + 1): 1}])
def test_no_member_has_a_column_beside_too_many_names_or_a_long_one(odd: dict[str, Any]) -> None:
    some = made_of({"a": 1}, odd, {"b": 1})
    assert some.columns() == {}
    assert some.omitted() == (EVERY_NAME,)


@pytest.mark.anyio
async def test_large_metadata_is_not_looked_into(engine: AsyncEngine) -> None:
    """Large as it was sent, or only once it is unpacked."""
    long, tight = " ".join(map(str, range(4_000))), "a" * 9_000
    odd: list[dict[str, Any]] = [{"a": "short"}, {"a": long}, {"a": tight}, {"ü" * 4_000: 1}]
    async with committer(engine) as writer:
        for n, metadata in enumerate(odd):
            times: dict[str, Any] = {"start_us": START, "end_us": START + 1}
            span = Span(trace_id=f"t{n}", span_id=f"t{n}", experiment_id=f"e{n}", metadata=metadata, **times)
            await writer.submit(TENANT, [span])
    await warm(engine)
    infos = await rows(engine, f"SELECT data FROM column_data JOIN column_chunks ON id = chunk_id {INFOS}")
    omitted = [info.omitted for row in infos if isinstance(info := unpacked(row["data"]), Info)]
    assert omitted == [(), (EVERY_NAME,), (EVERY_NAME,), (EVERY_NAME,)]
    statement = "SELECT name FROM column_data WHERE starts_with(name, 'metadata')"
    assert [row["name"] for row in await rows(engine, statement)] == ["metadata.a"]
    assert await mismatches(Database(engine)) == []
    assert await refresh_columns(engine) == 0


@pytest.mark.anyio
async def test_columns_go_with_their_chunk(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        for n in range(2):
            times: dict[str, Any] = {"start_us": START, "end_us": START + 1}
            span = Span(trace_id=f"t{n}", span_id=f"t{n}", experiment_id=f"e{n}", metadata={"a": 1}, **times)
            await writer.submit(TENANT, [span])
    await warm(engine)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("DELETE FROM column_chunks WHERE experiment_key = 1")
    left = "SELECT DISTINCT experiment_key FROM column_data LEFT JOIN column_chunks ON id = chunk_id"
    assert [row["experiment_key"] for row in await rows(engine, left)] == [2]
