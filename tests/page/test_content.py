from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanstats.page import edits
from spanstats.page.conditions import Condition
from spanstats.page.content import as_text, brief, first_line, word_changes

texts = st.text(alphabet="ab \n", max_size=60)


@given(texts, texts)
def test_the_pieces_of_a_change_make_up_both_texts(before: str, after: str) -> None:
    passages = word_changes(before, after)
    assert "".join(text for kind, text in passages if kind != "new") == before
    assert "".join(text for kind, text in passages if kind != "gone") == after


@given(texts)
def test_equal_texts_have_no_change(text: str) -> None:
    assert all(kind == "same" for kind, _ in word_changes(text, text))


def test_one_changed_word_is_the_only_change() -> None:
    changed = [passage for passage in word_changes("It is four, yes.", "It is five, yes.") if passage[0] != "same"]
    assert changed == [("gone", "four,"), ("new", "five,")]


def test_long_texts_are_shown_whole_and_not_compared() -> None:
    before, after = "a " * 3_000, "b " * 3_000
    assert word_changes(before, after) == [("gone", before), ("new", after)]


class Counting(list[str]):
    """Counts how often a word is looked at."""

    looks = 0

    def __getitem__(self, index: Any) -> Any:
        Counting.looks += 1
        return super().__getitem__(index)


@pytest.mark.parametrize(("a", "b"), [("a", "a b"), ("a b", "b a"), ("a b c", "a"), ("x", "y")])
def test_words_that_repeat_cost_no_more_than_others(a: str, b: str) -> None:
    Counting.looks = 0
    edits.shortest_edit(Counting((a + " ").split() * 700), Counting(b.split() * 700), 250)
    assert Counting.looks < 2 * 250 * 4_000


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_a_path_has_as_many_edits_as_are_needed(a: list[str], b: list[str]) -> None:
    path = edits.shortest_edit(a, b, 16)
    assert path is not None
    steps = [(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in pairwise(path)]
    assert sum(abs(dx - dy) for dx, dy in steps) == len(a) + len(b) - 2 * _common(a, b)


def _common(a: list[str], b: list[str]) -> int:
    """The length of the longest common subsequence, by the textbook."""
    if not a or not b:
        return 0
    if a[-1] == b[-1]:
        return 1 + _common(a[:-1], b[:-1])
    return max(_common(a[:-1], b), _common(a, b[:-1]))


def test_content_as_text() -> None:
    assert as_text(None) == ""
    assert as_text("é") == "é"
    assert as_text({"a": ["é"]}) == '{\n  "a": [\n    "é"\n  ]\n}'
    assert first_line(" a\n\nb ") == "a b"
    assert first_line("x" * 300, 10) == "x" * 9 + "…"
    assert first_line({"question": "How much?"}) == "How much?"
    assert first_line({"a": "b", "c": 1}) == '{"a":"b","c":1}'


def test_a_long_name_within_a_sentence_is_cut_and_an_odd_one_is_one_line() -> None:
    assert brief("correct") == "correct"
    assert len(brief("n" * 255)) == 60
    assert brief(Condition("model", "=", "a\n\tb")) == "model is a b"
