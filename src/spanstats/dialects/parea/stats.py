"""One entry of Parea's experiment statistics (`TraceStatsSchema`)."""

import msgspec

from ...domain.span import Score
from ...domain.trace import Trace
from ...domain.values import MICRO, PICO


class ScoreEntry(msgspec.Struct):
    """A score as the statistics list it; `score` is never null."""

    name: str
    score: float
    evaluation_metric_id: int | None
    reason: str | None


class StatsEntry(msgspec.Struct):
    """One trace: latency in seconds, cost in US dollars, tokens, cost and scores of all its spans."""

    trace_id: str
    latency: float | None
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost: float | None
    scores: list[ScoreEntry]


_ENCODER = msgspec.json.Encoder()


def stats_entry(trace: Trace) -> str:
    """The entry's JSON text. Scores without a number (text, categories) are left out; true and false are 1 and 0."""
    entry = StatsEntry(
        trace.trace_id,
        None if trace.latency_us is None else trace.latency_us / MICRO,
        trace.prompt_tokens,
        trace.completion_tokens,
        trace.total_tokens,
        None if trace.cost_pd is None else trace.cost_pd / PICO,
        [_score(s, s.value) for s in trace.scores if s.value is not None],
    )
    return _ENCODER.encode(entry).decode()


def _score(score: Score, value: float) -> ScoreEntry:
    return ScoreEntry(score.name or score.slug or score.key, value, score.metric_id, score.reason)
