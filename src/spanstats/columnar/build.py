"""Build a chunk from blocks of traces, which `from_traces.py` reads."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..domain.window import MINUTE_US
from .chunk import Chunk, Column, Info, Mask, Numbers, Texts
from .encode import digests_of, numbers_of, texts_of
from .format import (
    ARE_DERIVED,
    COMPUTED_FLAGS,
    FLAGS,
    ITEM_KEY,
    MEASURED,
    START_MICROSECOND,
    START_MINUTE,
    TARGET_KEY,
    scores_column,
)
from .members import Members, are_many
from .needs import Needs
from .scores import ScoreArrays, scores_of

# PostgreSQL counts microseconds from 2000.
_PG_EPOCH_US = 946_684_800_000_000


class Built:
    """The traces that were added so far, encoded at the end."""

    def __init__(self, needs: Needs, every_member: bool) -> None:
        self.n = 0
        self._needs = needs
        self._bytes: dict[str, list[bytes]] = {}
        self._texts: dict[str, list[str | None]] = {name: [] for name in needs.texts()}
        self._scores = ScoreArrays()
        self._members = Members() if every_member else None
        self._item_keys_are_derived = True

    def add(self, block: Mapping[str, Any]) -> None:
        """The next traces."""
        self.n += block["n"]
        for name, value in block.items():
            if isinstance(value, bytes):
                self._bytes.setdefault(name, []).append(value)
            elif isinstance(value, str):
                self._bytes.setdefault(name, []).append(value.encode())
        for position, name in enumerate(self._needs.texts()):
            self._texts[name] += block[f"text_{position}"]
        self._item_keys_are_derived &= block.get(ARE_DERIVED, True)
        if self._members is not None:
            self._members.add(block["labels"], block["metadata"])
        if self._needs.wants_scores():
            self._scores.add(block["score_keys"], block["score_values"], block["score_kinds"])

    def chunk(self) -> Chunk:
        """The chunk of all traces."""
        columns: dict[str, Column] = {name: self._number(name) for name in self._needs.numbers()}
        if ITEM_KEY in self._needs.columns:
            columns[ITEM_KEY] = digests_of(self._halves(ITEM_KEY))
        texts = {name: texts_of(_encoded(values)) for name, values in self._texts.items()}
        omitted: tuple[str, ...] = ()
        if self._members is not None:
            many = {name for name, column in texts.items() if are_many(len(column.values), self.n)}
            texts = {name: column for name, column in texts.items() if name not in many} | self._members.columns()
            omitted = tuple(sorted({*many, *self._members.omitted()}))
            if not self._item_keys_are_derived:
                # They will be: what is stored never changes.
                columns = {name: column for name, column in columns.items() if name not in (ITEM_KEY, TARGET_KEY)}
        columns |= texts
        if self._needs.wants_scores():
            by_name = {scores_column(key): scores for key, scores in scores_of(self._scores, self.n).items()}
            columns |= {name: scores for name, scores in by_name.items() if self._needs.wants(name)}
        columns = {name: column for name, column in columns.items() if not _is_empty(column)}
        return Chunk(Info(self.n, tuple(columns), omitted), columns)

    def _number(self, name: str) -> Numbers:
        if name == START_MINUTE:
            return numbers_of(self._starts() // MINUTE_US)
        if name == START_MICROSECOND:
            return numbers_of(self._starts() % MINUTE_US)
        if name in MEASURED:
            return numbers_of(self._whole(name), self._flags(f"has_{name}") if f"has_{name}" in self._bytes else None)
        assert name in (*FLAGS, *COMPUTED_FLAGS)
        return numbers_of(self._flags(name).astype(np.int64))

    def _starts(self) -> NDArray[np.int64]:
        return self._whole("starts") + _PG_EPOCH_US

    def _whole(self, name: str) -> NDArray[np.int64]:
        return np.frombuffer(b"".join(self._bytes[name]), ">i8").astype(np.int64)

    def _halves(self, name: str) -> NDArray[np.uint64]:
        return np.frombuffer(b"".join(self._bytes[name]), ">u8").astype(np.uint64).reshape(-1, 2)

    def _flags(self, name: str) -> Mask:
        flags: Mask = np.frombuffer(b"".join(self._bytes[name]), np.uint8) == ord("1")
        return flags


def _encoded(values: list[str | None]) -> list[bytes | None]:
    return [None if value is None else value.encode() for value in values]


def _is_empty(column: Column) -> bool:
    return isinstance(column, Texts) and not column.values
