"""Texts without what they repeat of others: the question and the answer of a root are found in many of its spans.

Each long string of the root's JSON documents is replaced by a mark, where a text has all of it. A mark is a null and
one other control character: no JSON text has them, so no text is taken for a mark, and what is put back is exact. Which
strings are replaced, and in which order, is part of the stored form.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Texts: TypeAlias = Iterable[str | None]

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_LEAST_CHARACTERS = 24
# As many as there are control characters beside null.
_MOST_STRINGS = 31


def repeatable(documents: Texts) -> list[tuple[str, str]]:
    """The strings of these JSON texts that are replaced, the longest first, each with its mark."""
    strings = {string for text in documents if text for string in _STRING.findall(text)}
    long = sorted((s for s in strings if len(s) >= _LEAST_CHARACTERS), key=lambda s: (-len(s), s))
    return [(string, f"\0{chr(number)}") for number, string in enumerate(long[:_MOST_STRINGS], 1)]


def left_out(text: str | None, strings: Sequence[tuple[str, str]]) -> str | None:
    """The JSON text with marks in the place of these strings."""
    if text:
        for string, mark in strings:
            text = text.replace(string, mark)
    return text


def put_back(text: str | None, strings: Sequence[tuple[str, str]]) -> str | None:
    """The text that `left_out` was given with the same strings."""
    if text and "\0" in text:
        for string, mark in reversed(strings):
            text = text.replace(mark, string)
    return text
