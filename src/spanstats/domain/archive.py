"""An experiment outside of any store: a header, its traces one by one, and how many they were. Lines of JSON."""

from typing import Any

import msgspec

from .span import Span
from .standalone import StandaloneScore

FORMAT = "spanstats experiment"
VERSION = 1


class Evaluator(msgspec.Struct, omit_defaults=True):
    """The id, slug and name of an evaluator, by its key."""

    key: str
    value_type: str
    id: str | None = None
    slug: str | None = None
    name: str | None = None


class Experiment(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An experiment as it was defined; times are microseconds since 1970."""

    id: str
    created: bool
    created_us: int
    project: str | None = None
    """The project's name."""
    name: str | None = None
    run_name: str | None = None
    run_key: str | None = None
    status: str | None = None
    metadata: dict[str, Any] | None = None
    definition: dict[str, Any] | None = None
    dataset_stats: list[dict[str, Any]] | None = None
    started_us: int | None = None
    finished_us: int | None = None


class Header(msgspec.Struct, kw_only=True, tag_field="line", tag="header"):
    """The first line."""

    experiment: Experiment
    evaluators: list[Evaluator]
    format: str = FORMAT
    version: int = VERSION


class Patch(msgspec.Struct, kw_only=True):
    """The override of a span; `by_span_id` where the span has a global id."""

    span_id: str
    by_span_id: bool
    fields: dict[str, Any]


class Trace(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="line", tag="trace"):
    """A trace: its spans as they are stored, values that were filled in included, with their own scores."""

    trace_id: str
    spans: list[Span]
    standalone: list[StandaloneScore] = msgspec.field(name="posted", default_factory=list)
    patches: list[Patch] = []

    def __post_init__(self) -> None:
        if any(score.span_id is None or score.ordinal is None for score in self.standalone):
            raise ValueError("a score has no span_id or no ordinal")


class End(msgspec.Struct, tag_field="line", tag="end"):
    """The last line; a file without it is not whole."""

    traces: int


Line = Header | Trace | End
