"""An experiment outside of any store: a header, its traces one by one, and how many they were. Lines of JSON."""

from typing import Any

import msgspec

from .span import Score, Span

FORMAT = "spanstats experiment"
VERSION = 1


class Evaluator(msgspec.Struct, omit_defaults=True):
    """Which id, slug and name an evaluator's key goes by."""

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


class Posted(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A score that was posted on its own, with its place among those of its span and evaluator."""

    span_id: str
    ordinal: int
    score: Score
    created_us: int
    id: str | None = None
    log_id: str | None = None
    scorer: str | None = None
    details: dict[str, Any] | None = None


class Patch(msgspec.Struct, kw_only=True):
    """What lies over a span; `by_span_id` where the span id alone was its identity."""

    span_id: str
    by_span_id: bool
    fields: dict[str, Any]


class Trace(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="line", tag="trace"):
    """A trace: its spans as they are stored, values that were filled in included, with their own scores."""

    trace_id: str
    spans: list[Span]
    posted: list[Posted] = []
    patches: list[Patch] = []


class End(msgspec.Struct, tag_field="line", tag="end"):
    """The last line; a file without it is not whole."""

    traces: int


Line = Header | Trace | End
