"""Which item a trace is of."""

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.domain.item_key import NO_KEY, input_key, key_of_text, target_key

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)

SAME = [
    ('{"a":1,"b":2}', '{ "b": 2, "a": 1 }'),
    ("1", "1.0", "1e0", "10e-1"),
    ("100000000000000000", "1e17"),
    ('{"x":[1.0,{"y":-0.0}]}', '{"x":[1,{"y":0}]}'),
    ('{"x":{"a":1,"b":[2]}}', '{"x":"{\\"b\\": [2.0], \\"a\\": 1}"}'),
    ('["a"]', '"[\\"a\\"]"', '" [\\"a\\"] "'),
    ('"é"', '"\\u00e9"'),
]
DIFFERENT = [
    "1",
    "2",
    '"1"',
    "true",
    '"true"',
    "[1]",
    "[true]",
    '{"a":1}',
    '{"a":"1"}',
    '{"a":null}',
    '"a"',
    '"A"',
    '"{a"',
]
EMPTY = [
    None,
    "null",
    '""',
    "{}",
    " [ ] ",
    '{"kwargs": {}, "args": []}',
    '"{}"',
    '"{\\"args\\": [], \\"kwargs\\": {}}"',
]


@pytest.mark.parametrize("documents", SAME)
def test_equal_documents_have_one_key(documents: tuple[str, ...]) -> None:
    assert len({input_key(document) for document in documents}) == 1
    assert len({target_key(document) for document in documents}) == 1


def test_different_documents_have_keys_of_their_own() -> None:
    assert len({input_key(document) for document in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize("document", EMPTY)
def test_an_empty_document_has_no_key(document: str | None) -> None:
    assert (input_key(document), target_key(document)) == (NO_KEY, None)


@given(JSON)
def test_a_key_is_the_digest_of_the_sorted_document(value: object) -> None:
    shuffled = json.dumps(value, indent=2)
    assert input_key(shuffled) == input_key(json.dumps(value, sort_keys=True, separators=(",", ":")))
    assert len(input_key(shuffled)) in (0, 32)


def test_a_digest_can_be_made_by_other_means() -> None:
    digest = sha256(b'{"a":1,"b":"x"}').hexdigest()
    assert input_key('{"b": "x", "a": 1}') == digest[:32]
    assert key_of_text(digest) == key_of_text(digest[:32]) == digest[:32]


def test_text_inside_of_parsed_text_is_left_as_it_is() -> None:
    twice = json.dumps({"x": json.dumps({"y": json.dumps({"b": 1, "a": 2})})})
    once = json.dumps({"x": {"y": json.dumps({"b": 1, "a": 2})}}, separators=(",", ":"))
    assert input_key(twice) == sha256(once.encode()).hexdigest()[:32] != input_key(once)


def test_a_comparison_key_is_no_input() -> None:
    assert key_of_text("a") != input_key('"a"')
    assert len({key_of_text(text) for text in ("a", "A", "a ", "f" * 31, "F" * 32)}) == 5


@pytest.mark.parametrize("document", ["1e999", "[" * 2000 + "]" * 2000, "not json"])
def test_what_cannot_be_decoded_is_compared_as_it_is_written(document: str) -> None:
    assert input_key(document) == input_key(document) != NO_KEY
