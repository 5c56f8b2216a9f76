"""JSON that is mended part by part before it is stored."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.dialects import json_mending
from spanstats.dialects.json_items import reason_of
from spanstats.dialects.json_repair import decode_items, decode_stored
from spanstats.dialects.parea.logs import read_log
from spanstats.dialects.respan.flat import read_batch
from spanstats.dialects.storable import text_of_utf8
from spanstats.errors import InvalidInput

LOG = '{"trace_id": "t", "start_timestamp": "2026-01-01T00:00:00Z", "output": "HERE"}'


def flat(number: int, **odd: object) -> dict[str, object]:
    return {"trace_unique_id": f"t{number}", "span_unique_id": f"s{number}", **odd}


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    ("odd", "stored"),
    [
        (b'"caf\xe2\x82"', True),
        (b"NaN", True),
        (b"-Infinity", True),
        (b"9" * 5_000, True),
        (b'{"metadata": -%b}' % (b"9" * 5_000), True),
        (b"[1, -1.5E+400, 1e-400]", True),
        (b"9" * 400 + b".5", True),
        (b"[" * 64 + b"]" * 64, True),
        (b"[" * 65 + b"]" * 65, False),
        (b'{"a":' * 3000 + b"1" + b"}" * 3000, False),
        (b"nul", False),
        (b'"a\nb"', False),
    ],
)
def test_a_flat_span_that_cannot_be_read_costs_no_other(wrapped: bool, odd: bytes, stored: bool) -> None:
    listed = json.dumps([flat(1), flat(2, metadata={"k": "HERE"}), flat(3)]).encode().replace(b'{"k": "HERE"}', odd)
    batch = read_batch(b'{"data": %b}' % listed if wrapped else listed)
    assert [span.span_id for span in batch.spans] == (["s1", "s2", "s3"] if stored else ["s1", "s3"])
    assert [index for index, _ in batch.rejected] == ([] if stored else [1])


def test_an_id_that_is_not_utf_8_is_refused() -> None:
    batch = read_batch(json.dumps([flat(1), flat(2)]).encode().replace(b'"s2"', b'"s\xff"'))
    assert [span.span_id for span in batch.spans] == ["s1"]
    assert [problem.location for _, problem in batch.rejected] == [("span_unique_id",)]


def test_a_log_keeps_what_can_be_read_of_it() -> None:
    assert read_log(LOG.encode().replace(b"HERE", b"caf\xe2")).output == '"caf\ufffd"'
    assert read_log(LOG.encode().replace(b'"HERE"', b"[1, NaN]")).output == '[1, "NaN"]'


LARGE = ["1" + "0" * 4_300, "-" + "9" * 4_301, "1e309", "-1.5E+999", "9" * 400 + ".5", "1e" + "9" * 5_000, "2E400"]
HELD = ["9" * 4_300, "-1.5", "1e308", "9" * 400 + "e-200", "1e-999", "0." + "0" * 5_000 + "1", "0e99999"]


def test_a_number_that_is_too_large_becomes_a_text_and_others_stay() -> None:
    body = f"[{', '.join([*LARGE, *HELD])}]"
    decoded = decode_stored(list[Any], body.encode())
    assert decoded.value == [*LARGE, *map(json.loads, HELD)]


def test_digits_in_a_text_stay_as_they_are() -> None:
    text = f'"1e400, {"9" * 5_000}'
    decoded = decode_stored(list[Any], json.dumps([text]).encode()[:-1] + b", 1e400]")
    assert decoded.value == [text, "1e400"]


def test_numbers_are_searched_in_short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_mending, "_FRAGMENT", 5)
    body = f"[{', '.join([*LARGE, *HELD] * 3)}]"
    assert decode_stored(list[Any], body.encode()).value == [*LARGE, *map(json.loads, HELD)] * 3


def test_a_log_keeps_a_number_that_is_too_large_as_text() -> None:
    assert read_log(LOG.encode().replace(b'"HERE"', b"[1e400]")).output == '["1e400"]'


def test_what_is_mended_is_said_to_be() -> None:
    assert decode_stored(object, b'["a"]').mended is False
    decoded = decode_stored(object, b'["\xff", "NaN", NaN, "a\\"Infinity", -Infinity]')
    assert (decoded.value, decoded.mended, decoded.unstorable) == (
        ["\0", "NaN", "NaN", 'a"Infinity', "-Infinity"],
        True,
        True,
    )


def test_an_unreadable_item_gives_its_reason() -> None:
    items: Any = decode_items(object, b'[{"a": 1}, {"a": 01}]', b"[", 65).value
    good, bad = items
    assert (good, reason_of(good)) == ({"a": 1}, None)
    assert "malformed" in (reason_of(bad) or "")


@pytest.mark.parametrize("body", [b"", b"[", b'[{"a": 1}', b'[{"a": "b}]', b"NaN]", b'"' * 9, b'[{"a": ]}', b"{]"])
def test_a_body_without_whole_brackets_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode_items(list, body, b"[", 65)


def test_mending_takes_time_in_proportion_to_the_body() -> None:
    """Unterminated texts and brackets by the million end at once; a scan for each of them would take hours."""
    for body in (b'"' + b'\\"' * 300_000, b"[" * 500_000, b'[{"a":' * 100_000, b'"\xff' * 200_001):
        with pytest.raises(InvalidInput):
            decode_items(list, body, b"[", 65)


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(noise: bytes) -> None:
    for body in (noise, b"[" + noise + b"]", b'[{"a": "' + noise + b'"}]'):
        try:
            decode_items(object, body, b"[", 65)
            decode_stored(object, body)
        except InvalidInput:
            continue


@given(st.lists(st.sampled_from([b"a", b"?", b"\xff", b"\xe2\x82", b"\xe2\x82\xac", "é".encode(), b"\xf0\x9f"])))
def test_every_run_of_bytes_that_is_no_utf_8_becomes_one_nul(parts: list[bytes]) -> None:
    data = b"".join(parts)
    expected = re.sub("[\udc80-\udcff]+", "\0", data.decode("utf-8", "surrogateescape"))
    assert text_of_utf8(data) == expected
    assert text_of_utf8(data, "\\u0000") == expected.replace("\0", "\\u0000")


def test_long_text_is_decoded_as_short_text_is() -> None:
    """It is read by fragments, and runs of bad bytes and characters lie across their ends."""
    for unit in (b"\xff", b"a\xff", "漢".encode(), b"\xff" * 7 + "漢".encode(), b"?\0\xff"):
        data = unit * (600_000 // len(unit)) + b"\xff"
        expected = re.sub("[\0\udc80-\udcff]+", "\0", data.decode("utf-8", "surrogateescape"))
        assert text_of_utf8(data) == expected


NAMED = {b'"NaN"': "NaN", b"NaN": "NaN", b"-Infinity": "-Infinity", b"Infinity": "Infinity", b"-1.5": -1.5}
TEXTS = {b'"a\\"NaN\\""': 'a"NaN"', b'"\\\\"': "\\", b'"-\\\\\\"Infinity"': '-\\"Infinity', b'"\\n"': "\n", b'""': ""}


@given(st.lists(st.sampled_from(list((NAMED | TEXTS).items()))))
def test_numbers_that_json_lacks_are_named_wherever_they_are(parts: list[tuple[bytes, Any]]) -> None:
    body = b"[" + b", ".join([*(part for part, _ in parts), b"NaN"]) + b"]"
    assert decode_stored(object, body).value == [*(value for _, value in parts), "NaN"]


def test_numbers_that_json_lacks_are_named_in_long_bodies() -> None:
    for part, value in (NAMED | TEXTS).items():
        decoded = decode_stored(object, b"[NaN" + (b"," + part) * 100_000 + b",-Infinity]").value
        assert decoded == ["NaN", *[value] * 100_000, "-Infinity"]
