"""docs/attributes.md, made of the program's own tables. `python -m tests.name_documentation` writes it."""

from collections.abc import Iterable

from spanstats.dialects.names import block_names, evaluations, kinds, usage
from spanstats.dialects.names.row import Cached, Name, Table
from spanstats.dialects.otlp import attributes
from spanstats.domain.span import LLM_KINDS

from .documentation import ROOT

FILE = ROOT / "docs/attributes.md"

INTRODUCTION = """
# Names

<!-- Made of the program's tables by `python -m tests.name_documentation`; a test compares. -->

This document lists the names that instrumentations send, and their meaning for this service. The names of tokens, costs
and the first token have the same meaning as attributes of OpenTelemetry, in both encodings, and as keys of a flat span.
Names that begin with `keywordsai.` are read as names that begin with `respan.`.

- If a span has several names of one value, the first name in its table with a known value wins. Values are never added
  together, because instrumentations send the same number under two names.
- NaN, null, an empty text, a time to the first token of 0, and a total of 0 beside other tokens mean "not known", and
  the span is stored. If another value is not a number, or is out of range, the span is refused, and the error names
  the attribute.
- A name without a dot that is in no table is metadata. So is a name with one of the prefixes of metadata. Every other
  name is stored as an attribute of its span. A value of more than 256 KiB is cut, and the attribute `cut` lists its
  name.
"""

CACHED = {
    Cached.INSIDE: "inside",
    Cached.BESIDE: "beside",
    Cached.AS_VENDOR: "beside for models of Anthropic and Bedrock, else inside",
    Cached.AS_INPUT: "beside `input_tokens`, inside `prompt_tokens`",
}

CACHED_TEXT = """
The name of the cached tokens decides whether the number of input tokens includes them (*inside*) or not (*beside*). If
there are more cached tokens than input tokens, they are beside the input under any name. If the span has an input of
its own and a block of usage has another, and the two differ by exactly the cached tokens of the block, this decides.
Only the price depends on this: answers have the tokens as the client sent them.
"""

TITLES = {
    "prompt_tokens": "Input tokens",
    "completion_tokens": "Output tokens",
    "total_tokens": "All tokens",
    "cache_read_tokens": "Tokens read from a cache",
    "cache_write_tokens": "Tokens written to a cache",
    "cache_write_5m_tokens": "Tokens written to a cache for five minutes",
    "cache_write_1h_tokens": "Tokens written to a cache for an hour",
    "input_audio_tokens": "Audio tokens of the input",
    "output_audio_tokens": "Audio tokens of the output",
    "reasoning_tokens": "Reasoning tokens, a part of the output (beside it in Gemini's API, or if a total shows it)",
    "service_tier": "Tier of the service",
    "cost_pd": "Cost",
    "input_cost": "Cost of the input (without a total, the costs of input and output are the cost)",
    "output_cost": "Cost of the output",
    "ttft_us": "Time to the first token",
}


def document() -> str:
    """The whole file."""
    parts = [
        INTRODUCTION.strip(),
        "## Tokens",
        CACHED_TEXT.strip(),
        *_tables(usage.TOKENS | usage.DETAILS),
        "## Costs and the first token",
        *_tables(usage.COSTS | usage.FIRST_TOKEN),
        "Without such a name, the time to the first token is the time from the start of a span to the first of these:",
        _table(("event", "sent by"), [(f"`{name}`", source) for name, source in usage.FIRST_TOKEN_EVENTS.items()]),
        "## Blocks of usage",
        "A block is an object that reports what a call used: `usage` of a flat span, a part of LangChain's outputs in "
        "Parea's dialect, or an attribute with such an object or its JSON text. The service takes from it the values "
        "for which the span has no name from the tables above.",
        _table(("attribute", "path inside", "sent by"), _holders()),
        *_tables(block_names.USAGE),
        "## Kinds of spans",
        "The first of these attributes with a known kind decides the kind of a span. The kinds of calls of a model are "
        f"{_codes(sorted(LLM_KINDS))}. The usage of a span of another kind is a sum over the calls below it.",
        _table(("attribute", "sent by"), [(f"`{row.name}`", row.source) for row in kinds.KIND]),
        _table(("word, in any case", "kind"), [(f"`{word}`", f"`{kind}`") for word, kind in kinds.KINDS.items()]),
        _table(("name of a span without a kind", "kind"), _names_of_spans()),
        "## Scores",
        f"An event whose name begins with `{evaluations.EVENT_PREFIX}` is a score of its span. So are these names in a "
        "span.",
        _table(("of the score", "name"), [(f, _codes(names)) for f, names in evaluations.FIELDS.items()]),
        "Numbered results of OpenInference are also scores: "
        + _codes(f"{prefix}0.{inner}score" for prefix, inner in evaluations.NUMBERED.items())
        + ".",
        "## Everything else of OpenTelemetry",
        _table(("what", "names, the first wins"), [(f, _codes(names)) for f, names in _fields()]),
        "Names with these prefixes are metadata. The key of the metadata is the name without the prefix: "
        + _codes(attributes.METADATA_PREFIXES)
        + ".",
    ]
    return "\n\n".join(parts) + "\n"


def _names_of_spans() -> Iterable[tuple[str, str]]:
    beginnings = {f"{beginning}...": kind for beginning, kind in kinds.SPAN_NAME_BEGINNINGS.items()}
    return [(f"`{name}`", f"`{kind}`") for name, kind in (kinds.SPAN_NAMES | beginnings).items()]


def _fields() -> Iterable[tuple[str, tuple[str, ...]]]:
    for section in (
        attributes.EXPERIMENT,
        attributes.SPAN,
        attributes.LABELS,
        attributes.ATTRIBUTES,
        attributes.OBJECTS,
    ):
        yield from section.items()


def _holders() -> list[tuple[str, str, str]]:
    rows = [
        (f"`{name}`", _codes(path for path in paths if path), source)
        for name, paths, source in block_names.USAGE_ATTRIBUTES
    ]
    return rows + [(f"`{name}`", "", f"{source}: costs") for name, source in block_names.COST_ATTRIBUTES]


def _tables(tables: Table) -> Iterable[str]:
    for field, rows in tables.items():
        yield f"### {TITLES[field]}"
        yield _rows(rows, with_cached=field.startswith("cache_"))


def _rows(rows: Iterable[Name], *, with_cached: bool) -> str:
    if with_cached:
        return _table(("name", "sent by", "of the input"), [(f"`{r.name}`", r.source, CACHED[r.cached]) for r in rows])
    return _table(("name", "sent by", "unit"), [(f"`{r.name}`", r.source, _unit(r)) for r in rows])


def _unit(row: Name) -> str:
    return {"": "tokens", "time": "ISO 8601"}.get(row.unit, row.unit)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |") for cells in lines)


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    FILE.write_text(document())
