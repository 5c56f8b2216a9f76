"""A histogram: as answered, and as a table."""

from collections.abc import Iterable, Sequence
from typing import Any

from ...insights.distribution import Distribution
from ...insights.measures import MeasureSpec
from ...insights.questions import Question
from .answers import Json, describe_measure, experiment_object, of_snapshot

Table = tuple[Sequence[str], Iterable[Sequence[Any]]]


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
