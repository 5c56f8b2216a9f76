"""The README, and the documents that it leads to, show what is there."""

import re
from pathlib import Path

import pytest

from . import settings_documentation
from .documentation import ROOT, known_commands, snippet

README = (ROOT / "README.md").read_text()
CLIENTS = (ROOT / "docs/clients.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()


def test_the_settings_are_those_of_the_program() -> None:
    assert settings_documentation.FILE.read_text() == settings_documentation.document()


def before(path: Path) -> str:
    """What a reader has read of a document when this snippet comes."""
    [document] = [text for text in (README, CLIENTS) if f"```python\n{snippet(path)}\n```" in text]
    return document.split(f"```python\n{snippet(path)}\n```")[0]


@pytest.mark.parametrize("path", sorted((ROOT / "clients/snippets").glob("*.py")), ids=lambda p: p.stem)
def test_every_tested_snippet_is_shown_as_it_is(path: Path) -> None:
    assert before(path)


@pytest.mark.parametrize("path", sorted((ROOT / "clients/snippets").glob("*.py")), ids=lambda p: p.stem)
def test_what_a_reader_installs_is_what_the_snippet_was_tested_with(path: Path) -> None:
    """Versions aside: the snippet pins what it is tested with."""
    installed = re.findall(r"`pip install ([^`]+)`", before(path))[-1].split()
    header = path.read_text().split("# ///\n")[0]
    pinned = re.findall(r'"([^"]+)"', header)
    assert {name.split("==")[0] for name in installed} == {name.split("==")[0] for name in pinned}
    assert {name for name in installed if "==" in name} <= set(pinned)


def test_every_make_target_and_command_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", README)) - {"install"} <= targets
    commands = OPERATIONS.split("## Commands")[1].split("\n## ")[0]
    names = set(re.findall(r"`spanstats ((?:(?:keys|rollups|traces|tenants) )?[a-z]+)", commands))
    assert names == known_commands()
