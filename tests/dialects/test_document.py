import json

import msgspec
import pytest

from spanstats.dialects import document
from spanstats.dialects.json_body import decode_as


class Holder(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw()


def raw(body: str) -> msgspec.Raw:
    return decode_as(Holder, f'{{"content": {body}}}'.encode()).content


@pytest.mark.parametrize("empty", ["null", "{}", "[]", "[ ]", "{\n}"])
def test_nothing_and_empty_lists_and_objects_are_not_carried(empty: str) -> None:
    assert document.from_raw(raw(empty)) is None
    assert document.from_value(json.loads(empty)) is None
    assert document.from_text(empty) is None
    assert document.from_raw(msgspec.Raw()) is None


@pytest.mark.parametrize("body", ['"text"', '""', "0", "false", '{"b": 1.50, "a":  [1]}', '"\\u00e9\\ud83d\\ude00"'])
def test_a_document_of_a_body_is_kept_byte_for_byte(body: str) -> None:
    assert document.from_raw(raw(body)) == body


@pytest.mark.parametrize("body", ['"a\\u0000b"', '"a\\ud800b"', '{"a\\u0000b": ["a\\u0000b"]}'])
def test_what_cannot_be_stored_becomes_the_replacement_character(body: str) -> None:
    stored = document.from_raw(raw(body))
    assert stored is not None
    assert "a\ufffdb" in stored
    assert "\\u0000" not in stored


def test_text_that_is_json_is_the_document_and_other_text_a_json_string() -> None:
    assert document.from_text('{"a": 1}') == '{"a": 1}'
    assert document.from_text('"hi"') == '"hi"'
    assert document.from_text("3") == "3"
    assert document.from_text("hello") == '"hello"'
    assert document.from_text("{broken") == '"{broken"'
    assert document.from_text("[" * 100 + "]" * 100) == json.dumps("[" * 100 + "]" * 100)
    assert document.from_text('["\\ud800"]') == '["\ufffd"]'
    assert document.from_text("NaN") == '"NaN"'
