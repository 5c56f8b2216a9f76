"""The hints for equality of metadata: they hold wherever the texts are equal, whatever was stored and texts."""

import json
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ARRAY, Text, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from spanstats.domain.values import clean
from spanstats.filters.containment import contains_equal
from spanstats.filters.json_sql import jsonb_as_text
from spanstats.filters.json_values import encoded, equals_json, shapes
from spanstats.store.session import Database, Kind
from spanstats.store.tables import traces

pytestmark = pytest.mark.anyio

ODD = [
    "",
    "0",
    "-0",
    "007",
    "1.0",
    "1.10",
    "1e5",
    "true",
    "null",
    "NaN",
    "-",
    "2026-01-01",
    "{",
    "[1]",
    "\\",
    '"',
    "9" * 999,
]
VALUES: list[Any] = [*ODD, 0, -0.0, 1.0, 1.1, 1e5, 10**30, True, None, [1], {"a": 1}, ["x", None], 1e-7, 2**63]
_INSERT = """
INSERT INTO traces (tenant_id, trace_id, start_time, end_time, prompt_tokens, completion_tokens, total_tokens, n_spans,
    n_errors, n_llm_calls, has_root, many_models, status, metadata)
SELECT 1, n::text, now(), now(), 0, 0, 0, 0, 0, 0, true, false, 'success', value::jsonb
FROM unnest($1::text[]) WITH ORDINALITY AS made(value, n)
"""


@pytest.mark.parametrize("by_index", [True, False])
async def test_what_equals_is_contained(engine: AsyncEngine, by_index: bool) -> None:
    documents = [json.dumps({"k": value, "other": n}) for n, value in enumerate(VALUES)]
    numbers = [f'{{"k": {text}}}' for text in ("1.10", "1E5", "-0", "0.000", "1" * 999, "0." + "3" * 900)]
    async with Database(engine).transaction(Kind.WRITE) as tx:
        await tx.driver.execute(_INSERT, documents + numbers)
        for scan in ("seqscan", "indexscan"):
            await tx.driver.execute(f"SET LOCAL enable_{scan} = {'off' if by_index else 'on'}")
        k = traces.c.metadata.op("->>")("k")
        shown = sorted(set((await tx.connection.execute(select(k).where(k.is_not(None)))).scalars()))
        assert len(shown) >= len(VALUES) - 4
        hinted = 0
        for text in shown:
            hint = contains_equal(traces.c.metadata, "k", (text,))
            equal = set((await tx.connection.execute(select(traces.c.trace_id).where(k == text))).scalars())
            assert equal
            if hint is not None:
                hinted += 1
                assert equal <= set((await tx.connection.execute(select(traces.c.trace_id).where(hint))).scalars())
        assert hinted >= len(shown) - 6


async def test_what_equals_is_compared(engine: AsyncEngine) -> None:
    """The patterns that spare a comparison leave out nothing that is equal."""
    stored = [*map(json.dumps, VALUES), "1.10", "1E5", "-0", "0.000", "-2.50", '["1.0", 7]', "100", '"50%_\\\\"']
    texts = [*ODD, "1", "1.1", "1.100", "1E5", "100000", "-2.5", "-0.0", "7", "1e2", "100.00", "10", "50%_\\", "50%%%"]
    each = func.unnest(cast(stored, ARRAY(Text))).column_valued("value")
    members = select(cast(each, JSONB).label("member")).cte()
    n_equal = 0
    async with Database(engine).transaction(Kind.READ) as tx:
        for text in texts:
            as_text = jsonb_as_text(members.c.member)
            documents = [cast(literal(encoded(shape), Text()), JSONB) for shape in shapes(text)]
            shaped = or_(*map(members.c.member.contains, documents))
            equal = select(cast(members.c.member, Text)).where(or_(as_text == text, shaped))
            compared = select(cast(members.c.member, Text)).where(equals_json(members.c.member, as_text, (text,)))
            expected = sorted((await tx.connection.execute(equal)).scalars())
            assert sorted((await tx.connection.execute(compared)).scalars()) == expected, text
            n_equal += len(expected)
    assert n_equal > len(texts)


@given(st.text(), st.lists(st.text() | st.from_regex(r"-?[0-9]+(\.[0-9]+)?", fullmatch=True), max_size=3))
def test_every_shape_is_json_that_jsonb_takes(key: str, texts: list[str]) -> None:
    hint = contains_equal(traces.c.metadata, clean(key), tuple(map(clean, texts)))
    if hint is None:
        assert not texts or any(text.startswith(("{", "[")) for text in texts)
        return
    documents = [v for v in hint.compile().params.values() if isinstance(v, str)]
    assert len(documents) >= len(texts)
    for document in documents:
        [(name, member)] = msgspec.json.decode(document).items()
        [scalar] = member if isinstance(member, list) else [member]
        assert isinstance(scalar, str | int | float | bool | dict | list)
        assert "\0" not in f"{name}{member}"


def test_many_values_are_not_hinted_at() -> None:
    hint = partial(contains_equal, traces.c.metadata, "k")
    assert hint(tuple(map(str, range(20)))) is not None
    assert hint(tuple(map(str, range(21)))) is None
    assert hint(()) is None
