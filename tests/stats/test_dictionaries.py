"""What dictionaries list of names, and what they leave to be read from the traces."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.span import Span
from spanstats.stats.dictionaries import ANY_NAME, LONGEST, MOST_NAMES, MOST_VALUES, Dictionaries
from spanstats.stats.maintenance import mismatches
from spanstats.store.session import Timeouts
from tests.ingest.worlds import START, TENANT, committer, rows

from .warming import slice_all, warm

members = st.dictionaries(
    st.sampled_from(["a", "b", "name", ""]), st.none() | st.integers(-2, 2) | st.sampled_from(["x", "1", "null"])
)
traces = st.lists(st.tuples(st.none() | st.sampled_from(["n", "m"]), st.none() | members, st.none() | members))


def as_json(value: object) -> str | None:
    return None if value is None else json.dumps(value)


def made_of(*metadata: dict[str, Any] | None) -> Dictionaries:
    dictionaries = Dictionaries()
    dictionaries.add((None, None, as_json(of_trace)) for of_trace in metadata)
    return dictionaries


def decoded(dictionaries: Dictionaries, n: int) -> list[dict[str, Any]]:
    """What the dictionaries say of each of `n` traces."""
    found: list[dict[str, Any]] = [{} for _ in range(n)]
    for row in dictionaries.rows():
        assert all(len(bits) == n for bits in row["bits"])
        for place, of_trace in enumerate(found):
            number = sum((bits[place] == "1") << bit for bit, bits in enumerate(row["bits"]))
            if number:
                of_trace[row["name"]] = json.loads(row["listed"][number - 1])
    return found


@given(traces, st.integers(1, 5))
def test_every_value_is_found_again(stored: list[tuple[Any, Any, Any]], part: int) -> None:
    dictionaries = Dictionaries()
    for begin in range(0, len(stored), part):
        dictionaries.add(tuple(map(as_json, of_trace)) for of_trace in stored[begin : begin + part])
    expected = [
        {
            **({} if name is None else {"name": name}),
            **{f"labels.{k}": v for k, v in (labels or {}).items() if v is not None},
            **{f"metadata.{k}": v for k, v in (metadata or {}).items() if v is not None},
        }
        for name, labels, metadata in stored
    ]
    assert decoded(dictionaries, len(stored)) == expected
    assert dictionaries.unlisted == []


def test_a_name_of_too_many_values_is_left_out() -> None:
    listed = made_of(*({"a": n, "b": n // 2} for n in range(MOST_VALUES)))
    assert [row["name"] for row in listed.rows()] == ["metadata.a", "metadata.b"]
    assert listed.unlisted == []
    some = made_of(*({"a": n, "b": n // 2} for n in range(MOST_VALUES + 1)), {"a": 0})
    assert [row["name"] for row in some.rows()] == ["metadata.b"]
    assert some.unlisted == ["metadata.a"]


def test_a_name_with_a_long_value_is_left_out() -> None:
    some = made_of({"a": "x" * (LONGEST - 2), "b": "x" * (LONGEST - 1)}, {"b": "short", "c" * LONGEST: 1})
    assert [row["name"] for row in some.rows()] == ["metadata.a", "metadata." + "c" * LONGEST]
    assert some.unlisted == ["metadata.b"]


def test_names_beyond_a_number_are_left_out() -> None:
    some = made_of({f"k{n:03}": 1 for n in range(MOST_NAMES + 2)}, {"k000": 2})
    assert len(some.rows()) == MOST_NAMES
    assert some.unlisted == [f"metadata.k{n:03}" for n in range(MOST_NAMES, MOST_NAMES + 2)]


def test_no_chunk_lists_more_than_some_megabytes() -> None:
    some = made_of(*({f"k{k}": f"{n:0250}" for k in range(10)} for n in range(2_000)))
    listed = sum(len(value) for row in some.rows() for value in row["listed"])
    assert 10**6 < listed < 5 * 10**6
    assert some.unlisted
    assert len(some.rows()) + len(some.unlisted) == 10


@pytest.mark.parametrize("odd", [{f"k{n}": n for n in range(300)}, {"k" * (LONGEST + 1): 1}])
def test_nothing_is_listed_beside_too_many_names_or_a_long_one(odd: dict[str, Any]) -> None:
    some = Dictionaries()
    some.add([('"n"', None, as_json({"a": 1})), (None, None, as_json(odd)), ('"m"', None, as_json({"b": 1}))])
    assert some.rows() == []
    assert some.unlisted == [ANY_NAME]


@pytest.mark.anyio
async def test_large_metadata_is_not_looked_into(engine: AsyncEngine) -> None:
    """Large as it was sent, or only once it is unpacked."""
    long, tight = " ".join(map(str, range(4_000))), "a" * 9_000
    async with committer(engine) as writer:
        for n, metadata in enumerate(({"a": "short"}, {"a": long}, {"a": tight}, {"ü" * 4_000: 1})):
            times = {"start_us": START, "end_us": START + 1}
            span = Span(trace_id=f"t{n}", span_id=f"t{n}", experiment_id=f"e{n}", metadata=metadata, **times)
            await writer.submit(TENANT, [span])
    await warm(engine)
    found = await rows(engine, "SELECT unlisted FROM slices ORDER BY experiment_key")
    assert [row["unlisted"] for row in found] == [[], [ANY_NAME], [ANY_NAME], [ANY_NAME]]
    assert [row["name"] for row in await rows(engine, "SELECT name FROM slice_dictionaries")] == ["metadata.a"]
    assert await mismatches(engine, Timeouts()) == []
    assert await slice_all(engine) == 0


@pytest.mark.anyio
async def test_dictionaries_go_with_their_slices(engine: AsyncEngine) -> None:
    async with committer(engine) as writer:
        for n in range(2):
            times = {"start_us": START, "end_us": START + 1}
            span = Span(trace_id=f"t{n}", span_id=f"t{n}", experiment_id=f"e{n}", metadata={"a": 1}, **times)
            await writer.submit(TENANT, [span])
    await warm(engine)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("DELETE FROM slices WHERE experiment_key = 1")
    assert [r["experiment_key"] for r in await rows(engine, "SELECT experiment_key FROM slice_dictionaries")] == [2]
