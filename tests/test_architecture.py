"""What docs/architecture.md names is there: every module, and every name beside it."""

import re
from functools import cache
from pathlib import Path

from .documentation import ROOT

SOURCE = ROOT / "src" / "spanstats"
TEXT = (ROOT / "docs" / "architecture.md").read_text()
ROWS = [line for line in TEXT.splitlines() if line.startswith("|") and "`" in line]
_CODE = re.compile(r"`([^`]+)`")
_NAME = re.compile(r"_?[A-Za-z]\w*")


def modules_of(row: str) -> list[str]:
    return [code for code in _CODE.findall(row) if re.fullmatch(r"[\w/]+\.py", code)]


def found(module: str) -> list[str]:
    """The texts of the modules that this path ends with the path of."""
    folder = ROOT / "tests" if module.startswith("tests/") else SOURCE
    return [text for path, text in texts_in(folder).items() if path.endswith(f"/{module}")]


@cache
def texts_in(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in folder.rglob("*.py")}


def test_every_module_of_a_row_exists_and_has_the_names_beside_it() -> None:
    for row in ROWS:
        texts = {module: found(module) for module in modules_of(row)}
        assert all(texts.values()), row
        source = "\n".join(text for same in texts.values() for text in same)
        for code in _CODE.findall(row):
            if (_NAME.fullmatch(code) and not code.islower()) or code.startswith("_"):
                assert re.search(rf"\b{code}\b", source), (row, code)


def test_every_package_has_a_line_among_the_layers() -> None:
    layers = TEXT.split("## Layers", 1)[1].split("```", 2)[1]
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert packages <= set(re.findall(r"\w+", layers))


def test_a_newcomer_finds_twenty_answers() -> None:
    answers = TEXT.split("## Where is ... decided?", 1)[1]
    assert len([line for line in answers.splitlines() if line.startswith("|")]) >= 22
