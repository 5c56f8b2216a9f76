"""Charts over the runs of a page: quality against cost, and quality from the oldest run to the newest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..charts.points import Point, trade_off
from ..charts.trend import trend
from ..figures import measure_name

Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TradeOff:
    """The chart, and its points as rows of a table."""

    svg: Markup
    points: Sequence[Point]


def trade_off_of(runs: Sequence[Run], score: str) -> TradeOff | None:
    """Each run that has both as a point at its mean cost and mean score; `None` of fewer than two."""
    points = [point for run in runs if (point := _point(run, score)) is not None]
    if len(points) < 2:
        return None
    best = ", ".join(point.name for point in points if point.is_best)
    sentence = f"{measure_name(score)} against mean cost. No other run is both cheaper and better than: {best}"
    return TradeOff(trade_off(points, "USD", None, sentence), points)


def over_runs(runs: Sequence[Run], score: str) -> Markup | None:
    """The mean score of each run in order of time; `None` of fewer than two."""
    values = [(run["created_at"], mean) for run in runs if (mean := mean_of(run, score)) is not None]
    if len(values) < 2:
        return None
    return trend(values, None, f"Mean {measure_name(score)} of the runs of this page in order of time")


def _point(run: Run, score: str) -> Point | None:
    cost, quality = mean_of(run, "cost"), mean_of(run, score)
    if cost is None or quality is None:
        return None
    figures = run["measures"][score]
    around = (figures.get("intervals") or {}).get("mean") or {}
    return Point(run["shown"], cost, quality, around.get("low"), around.get("high"), is_best=figures["pareto"])


def mean_of(run: Run, measure: str) -> float | None:
    """Of one measure, where the run has it."""
    mean: float | None = (run["measures"].get(measure) or {}).get("mean")
    return mean
