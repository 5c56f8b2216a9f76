"""What makes two traces of different runs the same item, and items one cluster: an expression over `traces`."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    LargeBinary,
    Text,
    and_,
    any_,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
)

from ..domain.keys import ExperimentKey
from ..domain.values import is_clean
from ..errors import invalid
from ..filters.json_sql import constant, json_member, jsonb_number, parameter
from ..store.tables import every_span, traces

NONE = "none"
AUTO = "auto"
_LABELS = ("comparison_key", "custom_identifier")
_METADATA = "metadata."

Key = ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class PairBy:
    """A way to pair; `is_digest` where its keys are digests and not text."""

    name: str

    @property
    def is_digest(self) -> bool:
        return self.name in (AUTO, "input")

    def key(self) -> Key:
        """The key of a trace, null where it has none."""
        if self.name == AUTO:
            return func.nullif(traces.c.item_key, NO_DIGEST)
        if self.name == "input":
            return func.nullif(_input_key(), NO_DIGEST)
        return func.nullif(text_of(self.name), constant(""))

    def among(self, experiment_key: ExperimentKey, keys: Collection[bytes]) -> ColumnElement[bool]:
        """Whether a trace of the experiment is of one of the items whose keys have these digests."""
        digests = any_(literal(sorted(keys), ARRAY(LargeBinary)))
        if self.name == AUTO:
            return and_(of_experiment(experiment_key), traces.c.item_key == digests)
        return self.digest() == digests

    def digest(self) -> Key:
        """The key as 16 bytes."""
        if self.is_digest:
            return self.key()
        whole = func.sha256(func.convert_to(self.key(), constant("UTF8")))
        return func.substr(whole, literal_column("1"), literal_column("16"), type_=LargeBinary())


def of_experiment(key: ExperimentKey) -> ColumnElement[bool]:
    """Whether a trace is of the experiment, as the index by item key has it."""
    return (traces.c.experiment_key + literal_column("0")) == key


NO_DIGEST: ColumnElement[Any] = literal_column("'\\x'::bytea", LargeBinary())


def read_pair_by(name: object) -> PairBy | None:
    """The way of this name, `None` for `none`. Raises `InvalidInput`."""
    if name == NONE:
        return None
    if name in (AUTO, "input"):
        return PairBy(str(name))
    return PairBy(checked(name, "pair_by", f"{NONE}, {AUTO}, input, "))


def checked(name: object, field: str, more: str = "") -> str:
    """A name that `text_of` knows. Raises `InvalidInput` located at the field."""
    is_known = isinstance(name, str) and (name in (*_LABELS, "name") or name.removeprefix(_METADATA) not in (name, ""))
    if isinstance(name, str) and is_known and is_clean(name):
        return name
    raise invalid(f"must be one of {more}{', '.join(_LABELS)}, name or metadata.<key>", field, code="pairing")


def text_of(name: str) -> Key:
    """A label, a member of the metadata, or the name of a trace, as text; null where it has none."""
    if name == "name":
        return traces.c.name
    if name in _LABELS:
        return json_member(traces.c.labels, constant(name))
    return _member(traces.c.metadata, parameter(name.removeprefix(_METADATA)))


def _member(column: Key, key: Key) -> Key:
    """As text, where numbers of equal values are equal."""
    shortest = cast(func.trim_scale(jsonb_number(column, key)), Text())
    return func.coalesce(shortest, json_member(column, key))


def has_comparison_key() -> ColumnElement[bool]:
    """Whether a comparison key was sent for the trace."""
    return func.coalesce(json_member(traces.c.labels, constant("comparison_key")), constant("")) != constant("")


def _input_key() -> Key:
    """That of the root's input even where a comparison key was sent; without one the trace's key is the input's."""
    s = every_span.c
    of_root = (
        select(s.input_key)
        .where(s.tenant_id == traces.c.tenant_id, s.trace_id == traces.c.trace_id, s.span_id == traces.c.root_span_id)
        .correlate(traces)
        .scalar_subquery()
    )
    return case((has_comparison_key(), of_root), else_=traces.c.item_key)
