"""Inputs and outputs as text for people, and what changed between two of them, word by word."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, Literal

import msgspec

_WORDS = re.compile(r"\s+|[^\s]+")
_MOST_WORDS = 2_000
"""A longer text is shown beside the other one, not compared: the time to compare grows with the square."""

Piece = tuple[Literal["same", "gone", "new"], str]


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


def word_changes(before: str, after: str) -> list[Piece]:
    """The pieces that both have, that only the first has, and that only the second has, in order."""
    if before == after:
        return [("same", before)] if before else []
    a, b = _WORDS.findall(before), _WORDS.findall(after)
    if len(a) > _MOST_WORDS or len(b) > _MOST_WORDS:
        return [("gone", before), ("new", after)]
    return list(_pieces(a, b))


def _pieces(a: list[str], b: list[str]) -> Iterator[Piece]:
    for kind, a0, a1, b0, b1 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "equal":
            yield "same", "".join(a[a0:a1])
            continue
        if a1 > a0:
            yield "gone", "".join(a[a0:a1])
        if b1 > b0:
            yield "new", "".join(b[b0:b1])
