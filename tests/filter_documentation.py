"""docs/filters.md, made of the program's own tables. `python -m tests.filter_documentation` writes it."""

from collections.abc import Iterable, Mapping

from spanstats.columnar.predicate import resolve
from spanstats.dialects.parea import filters as parea_filters
from spanstats.dialects.respan.filter_names import (
    LOG_FIELD_NAMES,
    OPERATOR_NAMES,
    SPAN_FIELD_NAMES,
    UNSUPPORTED_OPERATORS,
)
from spanstats.domain.keys import TenantId
from spanstats.filters.experiment_fields import EXPERIMENTS
from spanstats.filters.field_types import ALL, ORDERED, TEXTUAL, FieldType
from spanstats.filters.fields import (
    Field,
    FieldTable,
    MemberField,
    Quantifier,
    RowField,
    SpanField,
    SpanScores,
    TraceScores,
    UniformField,
)
from spanstats.filters.operators import OPERATORS, Operator
from spanstats.filters.predicate import Test
from spanstats.filters.root_fields import ROOTS
from spanstats.filters.score_fields import SCORES
from spanstats.filters.span_fields import SPANS
from spanstats.filters.trace_fields import TRACES

from .documentation import ROOT

FILE = ROOT / "docs/filters.md"

INTRODUCTION = """
# Filters

<!-- Made of the program's tables by `python -m tests.filter_documentation`; a test compares. -->

A filter only narrows the result, and no part of it is ever ignored. A field or operator that is not listed here is an
error that names it (400, in Parea's dialect 422). A value that cannot be read as the type of its field is an error too.
So is a window in the body of a summary or list of Respan, as it is read from the query.

- One connector joins the conditions of one level: `AND`, unless the filter names another. To use both `AND` and `OR`,
  nest a bundle of conditions.
- `equals` with several values holds if the field has any of them. Its negation holds if the field has none of them.
- A condition on a field of **any span** holds if some span of the trace has such a value. Its negation holds if no span
  has such a value.
- If there is no value, a comparison does not hold, and its negation holds. Metadata and scores are the exception: for
  them a negation needs a value too. `empty` and `isnull` always hold if there is no value.
- `gt`, `gte`, `lt`, `lte` and `between` on metadata compare JSON numbers only. Other values do not match.
- `equals` on metadata compares numbers by value, and all other values by text: `1` and `"1"` match the numbers 1 and
  1.0 and the text "1", but not the text "1.0". On a list, `equals` holds if it holds for an element of the list, and
  its negation holds if it holds for no element.
- A key of metadata with dots means the key with these dots. If there is no such key, it means a path into objects:
  `metadata__a.b` is `{"a.b": ...}`, else `{"a": {"b": ...}}`.
- A trace may have several scores of one evaluator. Bounds in one condition (`{"gte": 0.2, "lt": 0.5}`, or a list of
  conditions under one name) hold if one score is within both. Bounds in separate conditions may hold for different
  scores.
- `regex` takes a regular expression of PostgreSQL with at most 1,000 characters and without back-references. It
  matches anywhere in the text, unless `^` and `$` anchor it. `(?i)` at its start ignores case. Letters and their case
  are those of ASCII. The text of a status is the stored word (`success`, `error`). An expression that the database
  cannot compile is a 400 that names the condition. An expression that takes longer than the limit of a statement is a
  503: then narrow the window.
- Text is compared by its bytes. Operators that ignore case use one Unicode collation, so the locale of the database has
  no effect.
- Money and durations are compared exactly: `cost = 0.1` matches 0.1 and no value near it.

## Respan's shapes

```json
{"filters": {"status": {"operator": "", "value": ["success"]}, "total_cost": {"operator": "gte", "value": 0.01}}}
```

```json
{"filters": [{"field": "model", "operator": "in", "value": ["gpt-4o", "gpt-4o-mini"]}], "operator": "AND"}
```

```json
{"filters": {"either": {"connector": "OR", "filter_params": {
  "latency": {"operator": "gt", "value": 2}, "scores__judge": {"operator": "lt", "value": 0.5}}}}}
```

## Parea's shape

```json
{"filter_field": "metadata", "filter_key": "env", "filter_operator": "equals", "filter_value": "prod"}
```
""".strip()

IN_COLUMNS = """
If a filter uses only scores, metadata and the fields below, a summary of very many traces reads columns, which takes
tens of nanoseconds for each trace. With another field the summary reads the traces themselves, which takes ten times as
long or more. Columns are stored by segment (a day, or at most 65,536 traces). In some segments the columns omit a value
that the filter uses, and then the summary reads the traces of this segment. Columns omit a name, a label or a key of
metadata if it has more than 16,383 different values and more than one for every four traces, or a value of more than
256 bytes. They contain at most 64 labels and keys, with at most 4 MiB of values. They omit all metadata if a trace has
more than 8 KiB of it. The fields:
""".strip()


def document() -> str:
    """The whole file."""
    return (
        "\n\n".join(
            [
                INTRODUCTION,
                "## Operators",
                _operators(),
                f"Refused by name: {_codes(sorted(UNSUPPORTED_OPERATORS))}.",
                "## Types",
                _types(),
                "## Fields of an experiment's logs and of the summary (traces)",
                _fields(TRACES, LOG_FIELD_NAMES),
                f"{IN_COLUMNS} {_codes(_in_columns())}.",
                "## Fields of spans (`/api/request-logs/`)",
                _fields(SPANS, SPAN_FIELD_NAMES),
                "## Fields of scores (`/api/scores/`)",
                _fields(SCORES, {}),
                "## Fields of experiments",
                _fields(EXPERIMENTS, {}),
                "## Fields of Parea's root logs",
                "Filters use Parea's names, which are under *also*.",
                _fields(ROOTS, parea_filters.FIELD_NAMES),
                "",
            ]
        ).rstrip("\n")
        + "\n"
    )


def _in_columns() -> list[str]:
    """The fields of traces that columns hold."""
    tests = {name: Test(field, OPERATORS[Operator.EXISTS], (), False) for name, field in TRACES.fields.items()}
    return [name for name, test in tests.items() if resolve(test, TenantId(1)) is not None]


def _operators() -> str:
    columns = "operator", "holds where the field", "values", "types", "Respan writes", "Parea writes"
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name, spec in OPERATORS.items():
        respan = [alias or '""' for alias, operator in OPERATOR_NAMES.items() if operator is name]
        parea = [alias for alias, operator in parea_filters.OPERATOR_NAMES.items() if operator is name]
        cells = (f"`{name}`", spec.doc, spec.arity.value, _types_of(spec.types), _codes(respan), _codes(parea))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _types_of(types: frozenset[FieldType]) -> str:
    if types == ALL:
        return "all"
    return (
        "ordered"
        if types == ORDERED
        else "textual"
        if types == TEXTUAL
        else ", ".join(sorted(type_.value for type_ in types))
    )


def _types() -> str:
    lines = ["| type | ordered | textual |", "|---|---|---|"]
    lines += [f"| {type_.value} | {_yes(type_ in ORDERED)} | {_yes(type_ in TEXTUAL)} |" for type_ in FieldType]
    return "\n".join(lines)


def _yes(holds: bool) -> str:
    return "yes" if holds else ""


def _fields(table: FieldTable, aliases: Mapping[str, str]) -> str:
    lines = ["| field | also | type | of |", "|---|---|---|---|"]
    for name, spec in table.fields.items():
        also = [alias for alias, field in aliases.items() if field == name and alias != name]
        lines.append(f"| `{name}` | {_codes(also)} | {spec.type.value} | {_read_from(spec)} |")
    lines += [
        f"| `{name}` and a key | | {make('k').type.value} | {_read_from(make('k'))} |"
        for name, make in table.keyed.items()
    ]
    if table.scores not in (SCORES.scores,):
        spec = table.scores(frozenset({"k"}))
        lines.append(f"| `scores__` and an evaluator's id, slug or name | | {spec.type.value} | {_read_from(spec)} |")
    return "\n".join(lines)


def _read_from(spec: Field) -> str:
    """Over what a condition holds; nothing is said of the row itself."""
    match spec:
        case SpanField():
            return spec.quantifier.value
        case UniformField():
            return Quantifier.ANY_SPAN.value
        case TraceScores():
            return "any score of the trace; a negation: none, and there is one"
        case SpanScores():
            return "any score of the span; a negation: none, and there is one"
        case RowField() | MemberField():
            return ""


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    FILE.write_text(document())
