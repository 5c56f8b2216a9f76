"""Charts over the runs of a page: quality against cost, and quality from the oldest run to the newest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..charts.points import Point, pareto, trade_off, trend
from ..figures import measure_name, moment

Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TradeOff:
    """The chart, and its points as rows of a table."""

    svg: Markup
    points: Sequence[Point]


def trade_off_of(runs: Sequence[Run], score: str) -> TradeOff | None:
    """Each run that has both as a point at its mean cost and mean score; `None` of fewer than two."""
    found = [point for run in runs if (point := _point(run, score)) is not None]
    if len(found) < 2:
        return None
    best = ", ".join(p.name for p in pareto(found))
    sentence = (
        f"{measure_name(score)} against mean cost of {len(found)} runs. "
        f"No other run is both cheaper and better than: {best}"
    )
    return TradeOff(trade_off(found, "USD", None, sentence), found)


def over_runs(runs: Sequence[Run], score: str) -> Markup | None:
    """The mean score of each run in order of time; `None` of fewer than two."""
    ordered = sorted(runs, key=lambda run: str(run["created_at"]))
    values = [(moment(run["created_at"]), mean) for run in ordered if (mean := mean_of(run, score)) is not None]
    if len(values) < 2:
        return None
    return trend(values, None, f"Mean {measure_name(score)} of {len(values)} runs in order of time")


def _point(run: Run, score: str) -> Point | None:
    cost, quality = mean_of(run, "cost"), mean_of(run, score)
    if cost is None or quality is None:
        return None
    around = (run["measures"][score].get("intervals") or {}).get("mean") or {}
    return Point(run["shown"], cost, quality, around.get("low"), around.get("high"))


def mean_of(run: Run, measure: str) -> float | None:
    """Of one measure, where the run has it."""
    mean: float | None = (run["measures"].get(measure) or {}).get("mean")
    return mean
