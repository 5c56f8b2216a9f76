"""Texts have the same number in every chunk, whatever came before."""

import gc
import json
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spanstats.columnar.encode import texts_of
from spanstats.columnar.numbering import Numbering, without_zeros

columns = st.lists(st.lists(st.sampled_from([None, b'"a"', b'"b"', b'""', b"1", b'"1"'])), max_size=5)


@given(columns, columns)
def test_each_text_has_one_number(first: list[list[bytes | None]], second: list[list[bytes | None]]) -> None:
    numbering = Numbering(most=3)
    for question in (first, second):
        texts = numbering.texts
        for rows in question:
            column = texts_of(rows)
            numbers = numbering.of(column)
            assert [None if n == 0 else texts[n - 1] for n in numbers[column.codes]] == rows
            assert numbering.of(column) is numbers
        assert len(set(texts)) == len(texts)
        numbering.end()


def test_no_more_texts_are_remembered_than_it_may() -> None:
    numbering = Numbering(most=10)
    for question in range(50):
        numbering.of(texts_of([b"%d" % (question * 4 + n) for n in range(4)]))
        numbering.end()
        assert len(numbering.texts) <= 10


def test_a_column_that_is_gone_is_forgotten() -> None:
    numbering = Numbering()
    staying, gone = texts_of([b"1", b"2"]), texts_of([b"2", b"3"])
    assert np.array_equal(numbering.of(staying), [0, 1, 2])
    assert np.array_equal(numbering.of(gone), [0, 2, 3])
    del gone
    gc.collect()
    assert list(numbering._known) == [staying]


decimals = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**30), max_value=10**30)
texts = st.text('ab"\\10.{}[], ')
json_values = st.recursive(
    st.none() | st.booleans() | decimals | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def written(value: Any) -> str:
    """JSON, with the zeros that decimals have at their end."""
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(key)}: {written(member)}' for key, member in value.items())}}}"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value)


def read(text: str) -> object:
    """Equal for equal JSON: 1 and 1.0 are, 1 and true are not."""

    def plain(value: object) -> object:
        if isinstance(value, list):
            return [plain(member) for member in value]
        if isinstance(value, dict):
            return {key: plain(member) for key, member in value.items()}
        return (isinstance(value, bool), value)

    return plain(json.loads(text, parse_float=Decimal, parse_int=Decimal))


@given(json_values)
def test_numbers_are_written_without_zeros_at_their_end(value: Any) -> None:
    shortest = without_zeros(written(value).encode()).decode()
    assert read(shortest) == read(written(value))
    assert without_zeros(shortest.encode()).decode() == shortest


@given(st.lists(st.sampled_from(["1", "1.0", "1.00", "10", "10.50", "10.5", "true", '"1.0"', "[1.0]", "[1]", "-0.5"])))
def test_equal_values_have_one_number(rows: list[str]) -> None:
    numbering = Numbering()
    column = texts_of([row.encode() for row in rows])
    numbers = numbering.of(column)[column.codes]
    for row, number in zip(rows, numbers, strict=True):
        for other, of_other in zip(rows, numbers, strict=True):
            assert (number == of_other) == (read(row) == read(other))
