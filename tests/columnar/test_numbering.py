"""Texts have the same number in every chunk, whatever came before."""

import gc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spanstats.columnar.encode import texts_of
from spanstats.columnar.numbering import Numbering

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
    kept, gone = texts_of([b"1", b"2"]), texts_of([b"2", b"3"])
    assert np.array_equal(numbering.of(kept), [0, 1, 2])
    assert np.array_equal(numbering.of(gone), [0, 2, 3])
    del gone
    gc.collect()
    assert list(numbering._known) == [kept]
