from hypothesis import given
from hypothesis import strategies as st

from spanstats.page.content import as_text, first_line, word_changes

texts = st.text(alphabet="ab \n", max_size=60)


@given(texts, texts)
def test_the_pieces_of_a_change_make_up_both_texts(before: str, after: str) -> None:
    pieces = word_changes(before, after)
    assert "".join(text for kind, text in pieces if kind != "new") == before
    assert "".join(text for kind, text in pieces if kind != "gone") == after


@given(texts)
def test_equal_texts_have_no_change(text: str) -> None:
    assert all(kind == "same" for kind, _ in word_changes(text, text))


def test_one_changed_word_is_the_only_change() -> None:
    changed = [piece for piece in word_changes("It is four, yes.", "It is five, yes.") if piece[0] != "same"]
    assert changed == [("gone", "four,"), ("new", "five,")]


def test_long_texts_are_shown_whole_and_not_compared() -> None:
    before, after = "a " * 3_000, "b " * 3_000
    assert word_changes(before, after) == [("gone", before), ("new", after)]


def test_content_as_text() -> None:
    assert as_text(None) == ""
    assert as_text("é") == "é"
    assert as_text({"a": ["é"]}) == '{\n  "a": [\n    "é"\n  ]\n}'
    assert first_line(" a\n\nb ") == "a b"
    assert first_line("x" * 300, 10) == "x" * 9 + "…"
    assert first_line({"question": "How much?"}) == "How much?"
    assert first_line({"a": "b", "c": 1}) == '{"a":"b","c":1}'
