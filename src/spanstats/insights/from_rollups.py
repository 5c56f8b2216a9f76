"""Figures from sums that rollups hold: everything but percentiles, and scores of several evaluators as one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..domain.values import NANO
from ..stats.measures import COUNTED, MEASURES, PARTIAL, WITHOUT_KEY, WITHOUT_ROOT
from ..stats.sums import ScoreSums, Sums
from .figures import Figures, OfScores
from .measures import DEFAULT, DEFAULT_AGGREGATES, ERROR, OPERATIONAL, SCORES, Measure, MeasureSpec, score_measure
from .preparing import Preparing

_COUNTS = ("n", "n_errors", PARTIAL, WITHOUT_ROOT, WITHOUT_KEY)
_ROLLED = frozenset(measure.column for measure in (*MEASURES, *COUNTED))


@dataclass(frozen=True, slots=True)
class FigureSet:
    """How many traces there are; how many of them failed, have a cost without the spans that have no price, have no
    root, or have no key of an item (`None` where that was not counted); the figures of each measure.

    `preparing` is what the caches lack, if much and the question asks for it. Where that is sums, there are no figures.
    """

    traces: int
    failed: int
    cost_partial: int | None
    figures: Sequence[tuple[MeasureSpec, Figures]]
    without_root: int | None = None
    without_key: int | None = None
    preparing: Preparing | None = None


def are_rolled_up(measures: Iterable[MeasureSpec] | None) -> bool:
    """Whether rollups may hold all that is asked for; of scores they hold only the sums."""
    return measures is None or all(map(_is_rolled_up, measures))


def hold_all(sums: Sums, measures: Sequence[MeasureSpec] | None) -> bool:
    """Whether these sums hold all that is asked for, of measures that are rolled up."""
    if measures is None:
        return all(scores.n_traces is not None for scores in sums[1].values())
    keys = {key for spec in measures for key in spec.measure.keys}
    return all(sums[1][key].n_traces is not None for key in keys & sums[1].keys())


def figures_in_rollups(sums: Sums, measures: Sequence[MeasureSpec] | None, *, fill_scores: bool = False) -> FigureSet:
    """The figures of these measures, by default of `DEFAULT` and of all scores that there are."""
    specs = default_measures(sums[1]) if measures is None else measures
    figures = [(spec, _filled(figures_of(spec.measure, sums), fill_scores)) for spec in specs]
    n, failed, partial, rootless, keyless = (sums[0].get(name) or 0 for name in _COUNTS)
    return FigureSet(n, failed, partial if has_cost(specs) else None, figures, rootless, keyless)


def has_cost(measures: Iterable[MeasureSpec]) -> bool:
    """Whether it is worth saying how many costs are too low."""
    return any(spec.measure.column == "cost_pd" for spec in measures)


def default_measures(evaluator_keys: Iterable[str]) -> list[MeasureSpec]:
    """What is answered where no measures are named."""
    operational = [MeasureSpec(OPERATIONAL[name], DEFAULT_AGGREGATES) for name in DEFAULT]
    scores = [score_measure(SCORES + key, frozenset({key})) for key in evaluator_keys]
    return operational + [MeasureSpec(measure, DEFAULT_AGGREGATES) for measure in scores]


def _is_rolled_up(spec: MeasureSpec) -> bool:
    if spec.percentiles:
        return False
    if spec.measure.is_score:
        # A trace may have scores of several evaluators, and counts once.
        return len(spec.measure.keys) == 1
    return spec.measure.name == ERROR or spec.measure.column in _ROLLED


def figures_of(measure: Measure, sums: Sums) -> Figures:
    """The figures of a measure of which these sums hold all."""
    of_traces, of_scores = sums
    n = of_traces.get("n") or 0
    if measure.is_score:
        (key,) = measure.keys
        return _figures_of_scores(n, of_scores.get(key, ScoreSums(n_traces=0)))
    if measure.name == ERROR:
        failed = of_traces.get("n_errors") or 0
        low, high = (int(failed == n), int(failed > 0)) if n else (None, None)
        return Figures(n, 0, failed, failed, low, high)
    count = of_traces.get(f"n_{measure.column}")
    count = n if count is None else count
    total, squares, low, high = (
        of_traces.get(f"{prefix}{measure.column}") for prefix in ("", "squares_", "min_", "max_")
    )
    return Figures(count, n - count, total or 0, squares, low, high)


def _figures_of_scores(n: int, scores: ScoreSums) -> Figures:
    """Numbers and booleans together, true as 1; `n` traces match."""
    booleans = [value for value, count in ((0, scores.n_false), (NANO, scores.n_true)) if count]
    ends = [end for end in (scores.low, scores.high, *booleans) if end is not None]
    traces = scores.n_traces or 0
    return Figures(
        scores.n + scores.n_true + scores.n_false,
        n - traces,
        scores.total + scores.n_true * NANO,
        scores.squares + scores.n_true * NANO**2,
        min(ends, default=None),
        max(ends, default=None),
        of_scores=OfScores(traces, scores.n_text, scores.n_true, scores.n_false),
    )


def _filled(figures: Figures, fill_scores: bool) -> Figures:
    return figures.filled() if fill_scores and figures.of_scores is not None else figures
