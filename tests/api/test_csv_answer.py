"""Tables as CSV, read back by the standard library's reader."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from spanstats.api.csv_answer import csv_fragments, csv_headers, csv_text, wants_csv


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2)))
def test_every_text_is_read_back_and_none_is_a_formula(rows: list[list[str]]) -> None:
    read_back = read(csv_text(*rows))
    assert [[cell.removeprefix("'") for cell in row] for row in read_back] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for row in read_back for cell in row)


def test_numbers_stay_numbers_and_no_value_is_an_empty_cell() -> None:
    row = [-1.5, 10**20, 1e-12, None, True, {"a": [1]}, ["=1"], "=1+1", "-1", "@x", 'a,"b"\r\nc']
    assert read(csv_text(row)) == [
        [
            "-1.5",
            "100000000000000000000",
            "1e-12",
            "",
            "true",
            '{"a":[1]}',
            '["=1"]',
            "'=1+1",
            "'-1",
            "'@x",
            'a,"b"\r\nc',
        ]
    ]


@pytest.mark.anyio
async def test_pages_follow_the_header_and_an_empty_table_has_one() -> None:
    async def pages(*each: list[list[Any]]) -> AsyncIterator[list[list[Any]]]:
        for page in each:
            yield page

    fragments = [fragment async for fragment in csv_fragments(["a"], pages([[1], [2]], [[3]]))]
    assert fragments == [b"a\r\n1\r\n2\r\n", b"3\r\n"]
    assert [fragment async for fragment in csv_fragments(["a"], pages())] == [b"a\r\n"]


@pytest.mark.parametrize(
    ("accept", "csv_wanted"),
    [
        ("text/csv", True),
        ("Text/CSV; charset=utf-8", True),
        ("text/csv;q=0.5, application/json", False),
        ("application/json;q=0.1, text/csv;q=0.9", True),
        ("application/json", False),
        ("*/*", False),
        ("", False),
        ("text/csv;q=0", False),
    ],
)
def test_csv_is_what_accept_asks_for(accept: str, *, csv_wanted: bool) -> None:
    request = Request({"type": "http", "headers": [(b"accept", accept.encode())]})
    assert wants_csv(request) is csv_wanted


def test_the_name_of_the_file_is_plain() -> None:
    assert csv_headers('a"/../\r\nb é')["Content-Disposition"] == 'attachment; filename="a-b.csv"'
    assert csv_headers("///")["Content-Disposition"] == 'attachment; filename="table.csv"'
