import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.dialects import json_escapes

ESCAPES = [rb"\ud83d", rb"\ude00", rb"\uD800", rb"\\", rb"\"", rb"\u0041", rb"\n", b"a", b'"']


@given(st.lists(st.sampled_from(ESCAPES), max_size=20).map(b"".join), st.integers(7, 20))
def test_lone_surrogates_are_replaced_alike_in_fragments_of_any_length(body: bytes, fragment: int) -> None:
    whole = json_escapes.without_lone_surrogates(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_escapes, "_FRAGMENT", fragment)
        assert json_escapes.without_lone_surrogates(body) == whole


def test_a_long_body_of_lone_surrogates_is_searched_in_short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    class Noting:
        def __init__(self) -> None:
            self.lengths: list[int] = []

        def sub(self, _by: bytes, fragment: bytes) -> bytes:
            self.lengths.append(len(fragment))
            return fragment

    noting = Noting()
    monkeypatch.setattr(json_escapes, "_LONE", noting)
    json_escapes.without_lone_surrogates(b'"' + rb"\ud800" * 300_000 + b'"')
    assert len(noting.lengths) > 5
    assert max(noting.lengths) <= 256 * 1024 + 6
