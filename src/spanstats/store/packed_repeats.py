"""Leave out of texts what they repeat of others: many spans of a trace have the question or the answer of its root.

Each long string of the root's JSON documents is replaced by a mark where a text has all of it. A mark is a null and
one other control character. No JSON text has these characters, so no text is taken for a mark, and what is put back is
exact. Which strings are replaced, and in which order, is part of the stored form.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Texts: TypeAlias = Iterable[str | None]
Marks: TypeAlias = Sequence[tuple[str, str]]
"""Strings, each with its mark."""

_STRING = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"')
_LEAST_CHARACTERS = 24
# As many as there are control characters beside null.
_MOST_STRINGS = 31


def marks(documents: Texts) -> Marks:
    """The strings of these JSON texts that are replaced, the longest first."""
    long = {s for text in documents if text for s in _strings(text) if len(s) >= _LEAST_CHARACTERS}
    chosen = sorted(long, key=lambda s: (-len(s), s))[:_MOST_STRINGS]
    return [(string, f"\0{chr(number)}") for number, string in enumerate(chosen, 1)]


def _strings(text: str) -> list[str]:
    """The strings of a JSON text as they are written there."""
    # Where no quote is escaped, each second part between quotes is a string.
    return _STRING.findall(text) if '\\"' in text else text.split('"')[1::2]


def left_out(text: str | None, strings: Marks) -> str | None:
    """The JSON text with marks instead of these strings."""
    if text:
        for string, mark in strings:
            text = text.replace(string, mark)
    return text


def put_back(text: str | None, strings: Marks) -> str | None:
    """The text that `left_out` was given with the same strings."""
    if text and "\0" in text:
        for string, mark in strings:
            text = text.replace(mark, string)
    return text
