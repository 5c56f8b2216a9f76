"""Inputs and outputs as text for people, and what changed between two of them, word by word."""

import re
from collections.abc import Iterator
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, Literal

import msgspec

from .edits import Point, shortest_edit

_WORDS = re.compile(r"\s+|[^\s]+")
_MOST_WORDS, _MOST_EDITS = 4_000, 250
"""Longer texts, and such as have less in common, are shown beside each other: the work grows with both."""

Passage = tuple[Literal["same", "gone", "new"], str]


def as_text(value: Any) -> str:
    """Text as it is, anything else as indented JSON; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def first_line(value: Any, most: int = 200) -> str:
    """One line of the content, cut; of an object with one text that text, since its key says little."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(only := next(iter(value.values())), str):
        value = only
    text = value if isinstance(value, str) else "" if value is None else msgspec.json.encode(value).decode()
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def brief(value: Any, most: int = 60) -> str:
    """A name or condition within a sentence, cut where it is long."""
    return first_line(str(value), most)


def word_changes(before: str, after: str) -> list[Passage]:
    """The passages that both have, that only the first has, and that only the second has, in order."""
    if before == after:
        return [("same", before)] if before else []
    a, b = _WORDS.findall(before), _WORDS.findall(after)
    path = shortest_edit(a, b, _MOST_EDITS) if len(a) + len(b) <= _MOST_WORDS else None
    if path is None:
        return [passage for passage in (("gone", before), ("new", after)) if passage[1]]
    return list(_passages(a, b, path))


def _passages(a: list[str], b: list[str], path: list[Point]) -> Iterator[Passage]:
    """Along the path: steps of both are the same word, steps of one a word that only this one has."""
    for change, steps in groupby(_words(a, b, path), key=itemgetter(0)):
        yield change, "".join(words for _, words in steps)


def _words(a: list[str], b: list[str], path: list[Point]) -> Iterator[Passage]:
    for (x0, y0), (x1, y1) in pairwise(path):
        if x1 > x0 and y1 > y0:
            yield "same", "".join(a[x0:x1])
        elif x1 > x0:
            yield "gone", "".join(a[x0:x1])
        elif y1 > y0:
            yield "new", "".join(b[y0:y1])
