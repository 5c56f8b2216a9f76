import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.dialects import json_body
from spanstats.errors import InvalidInput

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class Named(msgspec.Struct):
    name: str = ""
    rest: msgspec.Raw = msgspec.Raw()


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * depth + closing * depth).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"a": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b'{"a": 01}',
        b"[1,]",
        b"{} {}",
        b'"\xff"',
        b'{"unknown": "\xff"}',
        b'"\xed\xa0\x80"',
        b'"\x00"',
        b"[" + b"9" * 5000 + b"]",
        b"[1e999]",
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_not_strict_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        json_body.decode(body)
    with pytest.raises(InvalidInput):
        json_body.decode_as(Named, body)


def test_of_duplicate_keys_the_last_wins() -> None:
    assert json_body.decode(b'{"a": 1, "a": 2}') == {"a": 2}
    assert json_body.decode_as(Named, b'{"name": "x", "name": "y"}').name == "y"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_depth_is_counted_exactly(opening: str, closing: str) -> None:
    per_unit = sum(opening.count(c) for c in "[{")
    inner = b"[]" if opening == "[" else b"{}"
    units = (64 - 1) // per_unit
    deep = (opening * units).encode() + inner + (closing * units).encode()
    json_body.decode(deep, max_depth=units * per_unit + 1)
    with pytest.raises(InvalidInput, match="deep"):
        json_body.decode(deep, max_depth=units * per_unit)


@pytest.mark.parametrize("depth", [65, 1000, 100_000, 1_000_000])
def test_any_depth_is_refused_and_never_a_crash(depth: int) -> None:
    with pytest.raises(InvalidInput):
        json_body.decode(nested(depth))
    with pytest.raises(InvalidInput):
        json_body.decode(b"[" * depth)
    with pytest.raises(InvalidInput):
        json_body.decode_as(Named, b'{"rest": ' + nested(depth) + b"}")


def test_brackets_in_text_are_no_depth() -> None:
    text = '[{"\\' * 200 + '"' * 7
    assert json_body.decode(json.dumps([text, text]).encode()) == [text, text]


def test_text_with_closing_brackets_hides_no_depth() -> None:
    depth = 100
    body = b'["]",' * depth + b"0" + b',"["]' * depth
    with pytest.raises(InvalidInput, match="deep"):
        json_body.decode(body)


def depth_of(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


TRICKY = st.text(st.sampled_from('[]{}"\\n,:u'), max_size=6)


@given(
    st.recursive(
        st.none() | TRICKY,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TRICKY, inner, max_size=4),
        max_leaves=30,
    )
)
def test_depth_is_that_of_the_value_whatever_its_texts_hold(value: object) -> None:
    body, depth = json.dumps(value).encode(), depth_of(value)
    assert json_body.decode(body, max_depth=depth) == value
    # Beside so many brackets none of them is passed over for being few.
    padded = json.dumps([value, [[]] * 100]).encode()
    assert json_body.decode(padded, max_depth=max(depth, 2) + 1) == [value, [[]] * 100]
    with pytest.raises(InvalidInput, match="deep"):
        json_body.decode(padded, max_depth=max(depth, 2))


@given(JSON)
def test_every_json_value_comes_through_unchanged(value: object) -> None:
    assert json_body.decode(json.dumps(value).encode()) == value
    assert json_body.decode(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("escaped", "read"),
    [
        ("\\ud83d\\ude00", "\U0001f600"),
        ("\\uD83D\\uDE00", "\U0001f600"),
        ("\\ud800", "\x00"),
        ("\\udc00\\ud800", "\x00\x00"),
        ("\\ud800\\ud83d\\ude00", "\x00\U0001f600"),
        ("a\\u0000b", "a\x00b"),
        ("\\\\ud800", "\\ud800"),
        ("\\\\\\ud800", "\\\x00"),
    ],
)
def test_half_a_surrogate_pair_is_read_as_nul_and_a_whole_one_as_its_character(escaped: str, read: str) -> None:
    assert json_body.decode(f'["{escaped}"]'.encode()) == [read]


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_refused(body: bytes) -> None:
    try:
        value = json_body.decode(body)
    except InvalidInput:
        return
    json_body.encode(value)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_json_does_not_have_is_named(constant: str) -> None:
    with pytest.raises(InvalidInput, match=f"{constant} is no JSON"):
        json_body.decode(f'{{"a": "NaN", "b": [1, {constant}]}}'.encode())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is empty, where JSON is expected"),
        (b" \r\n", "is empty, where JSON is expected"),
        (b'[{"a": 1}', "JSON is cut short"),
        (b"\xef\xbb\xbf{}", "must not begin with a byte order mark"),
        ("{}".encode("utf-16"), "must be UTF-8"),
    ],
)
def test_a_body_that_is_no_json_at_all_is_called_what_it_is(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        json_body.decode(body)
    assert [problem.message for problem in refused.value.problems] == [reason]
