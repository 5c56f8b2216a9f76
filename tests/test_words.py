"""Words that the project does not use are found, wherever they are written."""

import pytest

from . import words


def test_no_text_has_a_word_that_the_project_does_not_use() -> None:
    assert words.all_banned() == []


def test_every_kind_of_text_is_checked() -> None:
    paths = [path for path, _ in words.texts()]
    for one_of_each in ("src/spanstats/main.py", "docs/decisions/README.md", "README.md", "CHANGELOG.md"):
        assert one_of_each in paths
    assert any(path.endswith(".html") for path in paths)


@pytest.mark.parametrize(
    "text",
    [
        "Rows are made anew.",
        "# Nobody waits.",
        "at most so many bytes",
        "Those that have none",
        "whoever calls",
        "it is told why",
        "A name stands for it",
        "which lies over it",
        "one stretch of time",
        "The root tells it.",
        "its place in the list",
        "a loose span",
    ],
)
def test_a_banned_word_is_found_with_its_line_and_what_to_write(text: str) -> None:
    (line,) = words.banned("docs/x.md", f"First line.\n{text}\n")
    assert line.startswith("docs/x.md:2: ")
    assert line.rpartition(": ")[2]


def test_the_list_of_words_may_name_them_and_other_words_may_contain_them() -> None:
    text = "Renewed, oddsmaker, outstretched.\n\n| not | but |\n|---|---|\n| anew | again |\n"
    assert words.banned("CONTRIBUTING.md", text) == []
    assert words.banned("docs/x.md", text) != []


@pytest.mark.parametrize(
    "code",
    [
        "found = rows()",
        "def read(sent): ...",
        "total = [n for wanted in groups for n in wanted]",
        "def read(*, asked=1): ...",
        "if (known := rows()): ...",
    ],
)
def test_a_participle_that_is_the_name_of_a_variable_is_found_with_its_line(code: str) -> None:
    (line,) = words.banned_names("src/x.py", f"\n{code}\n")
    assert line.startswith("src/x.py:2: ")


def test_functions_attributes_and_longer_names_may_have_participles() -> None:
    code = "def known(): ...\nself.sent = 1\nrequested, found_any = by_name['found'], body.known\n"
    assert words.banned_names("src/x.py", code) == []
