"""docs/settings.md, made of the program's settings. `python -m tests.settings_documentation` writes it."""

from .documentation import ROOT, settings_table

FILE = ROOT / "docs/settings.md"

_INTRODUCTION = """
# Settings

<!-- Made of the program's settings by `python -m tests.settings_documentation`; a test compares. -->

Environment variables with the prefix `SPANSTATS_`. A wrong value ends the start with a line that names the variable.
"""


def document() -> str:
    """The whole file."""
    return f"{_INTRODUCTION.lstrip()}\n{settings_table()}\n"


if __name__ == "__main__":
    FILE.write_text(document())
