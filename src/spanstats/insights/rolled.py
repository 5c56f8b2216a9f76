"""Figures from sums that rollups hold: everything but extremes of most measures and percentiles."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..stats.measures import PARTIAL
from ..stats.sums import Sums
from .figures import Figures
from .measures import DEFAULT, DEFAULT_AGGREGATES, ERROR, OPERATIONAL, SCORES, Asked, Measure, score_measure

_ROLLED = frozenset({"cost_pd", "latency_us", "ttft_us", "tps", "prompt_tokens", "completion_tokens", "total_tokens"})


@dataclass(frozen=True, slots=True)
class Measured:
    """So many traces, of which some failed, and some have a cost that leaves out spans without a price (`None` where
    that was not computed); the figures of each measure."""

    traces: int
    failed: int
    cost_partial: int | None
    figures: Sequence[tuple[Asked, Figures]]


def are_rolled_up(measures: Iterable[Asked] | None) -> bool:
    """Whether rollups hold all that is asked for."""
    return measures is not None and all(map(_is_rolled_up, measures))


def measured(sums: Sums, measures: Sequence[Asked] | None, *, fill_scores: bool = False) -> Measured:
    """The figures of these measures, by default of `DEFAULT` and of all scores that there are."""
    wanted = default_measures(sums[1]) if measures is None else measures
    figures = [(asked, _filled(figures_of(asked.measure, sums), fill_scores)) for asked in wanted]
    n, failed, partial = (sums[0].get(name) or 0 for name in ("n", "n_errors", PARTIAL))
    return Measured(n, failed, partial, figures)


def default_measures(evaluator_keys: Iterable[str]) -> list[Asked]:
    """What is answered where no measures are named."""
    operational = [Asked(OPERATIONAL[name], DEFAULT_AGGREGATES) for name in DEFAULT]
    scores = [score_measure(SCORES + key, frozenset({key})) for key in evaluator_keys]
    return operational + [Asked(measure, DEFAULT_AGGREGATES) for measure in scores]


def _is_rolled_up(asked: Asked) -> bool:
    if asked.percentiles or asked.measure.is_score:
        return False
    return asked.measure.name == ERROR or asked.measure.column in _ROLLED


def figures_of(measure: Measure, sums: Sums) -> Figures:
    """The figures of a measure of which these sums hold all."""
    of_traces, _ = sums
    n = of_traces.get("n") or 0
    if measure.name == ERROR:
        failed = of_traces.get("n_errors") or 0
        low, high = (int(failed == n), int(failed > 0)) if n else (None, None)
        return Figures(n, 0, failed, failed, low, high)
    count = of_traces.get(f"n_{measure.column}")
    count = n if count is None else count
    total, squares, low, high = (of_traces.get(f"{kind}{measure.column}") for kind in ("", "squares_", "min_", "max_"))
    return Figures(count, n - count, total or 0, squares, low, high)


def _filled(figures: Figures, fill_scores: bool) -> Figures:
    return figures.filled() if fill_scores and figures.of_scores is not None else figures
