"""The distribution of an evaluator's scores, as it is asked for, answered and described."""

from fractions import Fraction

from pydantic import BaseModel, ConfigDict, Field

from ...domain.values import NANO
from ...errors import invalid
from ...stats.histogram import Histogram

DEFAULT_BINS, MAX_BINS = 20, 50


class Bin(BaseModel):
    """Scores at or above `lower` and below `upper`; the last bin holds its upper bound too."""

    lower: float
    upper: float
    count: int
    label: str


class HistogramStats(BaseModel):
    """Of the scores in all bins."""

    min: float
    max: float
    mean: float
    total: int = Field(description="Scores")


class HistogramAnswer(BaseModel):
    """How the scores of one evaluator are distributed; booleans as 0 and 1."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "evaluator_id": "eval_1",
                    "bins": [
                        {"lower": 0.0, "upper": 0.5, "count": 2, "label": "0.0 - 0.5"},
                        {"lower": 0.5, "upper": 1.0, "count": 5, "label": "0.5 - 1.0"},
                    ],
                    "stats": {"min": 0.0, "max": 1.0, "mean": 0.7, "total": 7},
                }
            ]
        }
    )

    evaluator_id: str
    bins: list[Bin]
    stats: HistogramStats


def read_bins(text: str | None) -> int:
    """Raises `InvalidInput` outside 1 to 50."""
    value = int(text) if text and text.isascii() and text.isdecimal() and len(text) < 5 else 0 if text else DEFAULT_BINS
    if not 1 <= value <= MAX_BINS:
        raise invalid(f"must be a whole number from 1 to {MAX_BINS}", "bins", code="out_of_range")
    return value


def histogram_answer(evaluator_id: str, distribution: Histogram) -> HistogramAnswer:
    """The answer for exact bins, which become floats here."""
    n = len(distribution.counts)
    edges = (
        [
            float(Fraction(distribution.low * n + i * (distribution.high - distribution.low), n * NANO))
            for i in range(n + 1)
        ]
        if n
        else []
    )
    return HistogramAnswer(
        evaluator_id=evaluator_id,
        bins=[
            Bin(lower=edges[i], upper=edges[i + 1], count=count, label=f"{edges[i]} - {edges[i + 1]}")
            for i, count in enumerate(distribution.counts)
        ],
        stats=HistogramStats(
            min=distribution.low / NANO,
            max=distribution.high / NANO,
            mean=float(Fraction(distribution.total, distribution.count * NANO)) if distribution.count else 0.0,
            total=distribution.count,
        ),
    )
