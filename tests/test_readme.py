"""The README shows what is there."""

import re
from pathlib import Path

import pytest

from .documentation import ROOT, known_commands, settings_table, snippet

README = (ROOT / "README.md").read_text()


def test_the_settings_table_is_that_of_the_program() -> None:
    assert settings_table() in README


@pytest.mark.parametrize("path", sorted((ROOT / "clients/snippets").glob("*.py")), ids=lambda p: p.stem)
def test_every_tested_snippet_is_shown_as_it_is(path: Path) -> None:
    assert f"```python\n{snippet(path)}\n```" in README


@pytest.mark.parametrize("path", sorted((ROOT / "clients/snippets").glob("*.py")), ids=lambda p: p.stem)
def test_what_a_reader_installs_is_what_the_snippet_was_tested_with(path: Path) -> None:
    """Versions aside: the snippet pins what it is tested with."""
    before = README.split(f"```python\n{snippet(path)}\n```")[0]
    told = re.findall(r"`pip install ([^`]+)`", before)[-1].split()
    header = path.read_text().split("# ///\n")[0]
    pinned = re.findall(r'"([^"]+)"', header)
    assert {name.split("==")[0] for name in told} == {name.split("==")[0] for name in pinned}
    assert {name for name in told if "==" in name} <= set(pinned)


def test_every_make_target_and_command_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", README)) - {"install"} <= targets
    named = set(re.findall(r"`spanstats ((?:(?:keys|rollups|traces|tenants) )?[a-z]+)", README))
    assert named == known_commands()
