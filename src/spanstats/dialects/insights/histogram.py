"""A histogram as asked, as answered, as a table, and as described."""

import itertools
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from ...domain.values import number
from ...errors import InvalidInput
from ...insights.distribution import MAX_ARMS, MAX_VALUES, Distribution
from ...insights.edges import LINEAR, MAX_BINS, SCALES, Binning, check
from ...insights.measures import MeasureSpec
from ...insights.questions import Question
from .answers import Json, describe_measure, experiment_object, of_snapshot
from .options import Options, bounded, read_options
from .schema import EXPERIMENT, answer_schema, described, request_schema

Table = tuple[Sequence[str], Iterable[Sequence[Any]]]

BINNING = ("bins", "scale", "low", "high")
OF_ARM = ("experiment_id", "start_time", "end_time")


def read_measure(options: Options) -> str:
    """The one measure, without an aggregate. Raises `InvalidInput`."""
    text = options.text("measure")
    if not text:
        raise options.wrong("measure", "must name a measure", "missing")
    return text


def read_binning(options: Options) -> Binning:
    """The bins that are wanted. Raises `InvalidInput`."""
    edges = _edges(options)
    if edges is not None and any(name in options.values for name in BINNING):
        raise options.wrong("edges", f"stand alone, without {', '.join(BINNING)}", "extra_forbidden")
    binning = Binning(
        options.whole("bins", 20, 1, MAX_BINS),
        options.one_of("scale", SCALES, LINEAR),
        options.decimal("low"),
        options.decimal("high"),
        edges,
    )
    return binning if edges is not None else _checked(options, binning)


def _checked(options: Options, binning: Binning) -> Binning:
    try:
        return check(binning)
    except InvalidInput as error:
        raise InvalidInput([p.under(options.where[str(p.location[0])]) for p in error.problems]) from error


def _edges(options: Options) -> tuple[Decimal, ...] | None:
    option = options.values.get("edges")
    if option is None:
        return None
    if not isinstance(option, list) or not 2 <= len(option) <= MAX_BINS + 1:
        raise options.wrong("edges", f"must be a list of 2 to {MAX_BINS + 1} numbers", "list_type")
    edges = tuple(bounded(options.located("edges", _number, edge), options, "edges") for edge in option)
    if any(a >= b for a, b in itertools.pairwise(edges)):
        raise options.wrong("edges", "must ascend", "out_of_range")
    return edges


def _number(value: object) -> Decimal:
    return number(value, "edges")


def read_arms(options: Options) -> list[Json]:
    """The arms as they were sent. Raises `InvalidInput`."""
    arms = options.values.get("arms")
    if not isinstance(arms, list) or not 1 <= len(arms) <= MAX_ARMS or not all(isinstance(arm, dict) for arm in arms):
        raise options.wrong("arms", f"must be a list of 1 to {MAX_ARMS} objects", "list_type")
    return arms


def read_arm(option: Json) -> Options:
    """What an arm says of itself. Raises `InvalidInput`."""
    arm = read_options([], option, OF_ARM, filters=True)
    if not arm.text("experiment_id"):
        raise arm.wrong("experiment_id", "must name an experiment", "missing")
    return arm


def histogram_object(distribution: Distribution, spec: MeasureSpec, question: Question) -> Json:
    """The edges, and the counts of each arm."""
    histogram = distribution.histogram
    return {
        **of_snapshot(distribution.as_of, question, ()),
        "measure": spec.measure.name,
        **describe_measure(spec, distribution.evaluators),
        "edges": list(histogram.edges),
        "arms": [
            {
                "experiment": experiment_object(experiment),
                "counts": list(arm.counts),
                "below": arm.below,
                "above": arm.above,
                "count": arm.count,
                "missing": arm.missing,
            }
            for experiment, arm in zip(distribution.experiments, histogram.arms, strict=True)
        ],
        "values": None
        if histogram.values is None
        else [{"value": value, "count": sum(counts), "counts": counts} for value, counts in histogram.values],
    }


def histogram_table(distribution: Distribution) -> Table:
    """A row for each bin, with the counts of each arm."""
    histogram = distribution.histogram
    columns = ["from", "to", *(f"count {number} {e.id}" for number, e in enumerate(distribution.experiments, start=1))]
    arms, edges = histogram.arms, histogram.edges
    rows: list[list[Any]] = [[None, edges[0] if edges else None, *(arm.below for arm in arms)]]
    rows += [[edges[bin_], edges[bin_ + 1], *(arm.counts[bin_] for arm in arms)] for bin_ in range(len(edges) - 1)]
    return columns, [*rows, [edges[-1] if edges else None, None, *(arm.above for arm in arms)]]


_COUNT: Json = {"type": "integer", "minimum": 0}
_ARM_EXAMPLE: Json = {"counts": [47, 91], "below": 0, "above": 0, "count": 138, "missing": 12}
_EXAMPLE: Json = {
    "as_of": "2026-11-28T10:15:02.000123+00:00",
    "window": {"start_time": None, "end_time": None},
    "measure": "span_count",
    "unit": "spans",
    "edges": [1, 1.5, 2],
    "arms": [_ARM_EXAMPLE],
    "values": [{"value": 1, "count": 47, "counts": [47]}, {"value": 2, "count": 91, "counts": [91]}],
}
HISTOGRAM_ANSWER = described(
    answer_schema(
        {
            "measure": {"type": "string"},
            "unit": {"type": ["string", "null"]},
            "edges": {
                "type": "array",
                "items": {"type": "number"},
                "description": "Bin i holds values from edge i to below edge i + 1, the last bin its end too",
            },
            "arms": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "experiment": EXPERIMENT,
                        "counts": {"type": "array", "items": _COUNT},
                        **dict.fromkeys(("below", "above", "count", "missing"), _COUNT),
                    },
                    "required": ["counts", "below", "above", "count", "missing"],
                },
            },
            "values": {
                "type": ["array", "null"],
                "description": f"Each value, where at most {MAX_VALUES} differ, beside the bins",
            },
        },
        ["measure", "edges", "arms", "values"],
    ),
    _EXAMPLE,
    table="from,to,count 1 run-a\r\n,1,0\r\n1,1.5,47\r\n",
)
_BINNING_OPTIONS: Json = {
    "measure": {"type": "string", "minLength": 1},
    "bins": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_BINS},
    "scale": {"type": ["string", "null"], "enum": [*SCALES, "", None]},
    "low": {"type": ["number", "null"], "description": "In the unit of the measure; the lowest value by default"},
    "high": {"type": ["number", "null"]},
}
HISTOGRAM_REQUEST = request_schema(
    _BINNING_OPTIONS,
    {"measure": "latency", "bins": 20, "filters": [{"field": "status", "operator": "=", "value": "success"}]},
)
ARMS_REQUEST: Json = {
    "type": "object",
    "properties": {
        **_BINNING_OPTIONS,
        "edges": {"type": ["array", "null"], "items": {"type": "number"}, "minItems": 2, "maxItems": MAX_BINS + 1},
        "arms": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_ARMS,
            "items": {
                **HISTOGRAM_REQUEST,
                "type": "object",
                "properties": {
                    "experiment_id": {"type": "string", "minLength": 1},
                    **{
                        n: HISTOGRAM_REQUEST["properties"][n] for n in ("filters", "operator", "start_time", "end_time")
                    },
                },
                "required": ["experiment_id"],
                "examples": [],
            },
        },
    },
    "required": ["measure", "arms"],
    "additionalProperties": False,
    "examples": [
        {
            "measure": "latency",
            "bins": 20,
            "arms": [{"experiment_id": "run-a"}, {"experiment_id": "run-b", "start_time": "2026-01-01"}],
        }
    ],
}
