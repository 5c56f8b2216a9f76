"""Runs of an instrumentation, the same for all: each is an experiment of its own, and gives the ledger's figures."""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from checks import Checks
from expected import stats, summary
from model_server import ModelServer, serving

OPENAI, EMBEDDING, CLAUDE = "gpt-4o-mini", "text-embedding-3-small", "claude-3-5-sonnet-20241022"

# run -> (kind of call, question)
RUNS: dict[str, tuple[str, str]] = {
    "chat": ("chat", "hi #in=100 #out=20"),
    "cached": ("chat", "hi #in=2000 #out=20 #cached=1500 #reasoning=10"),
    "stream": ("stream", "hi #in=300 #out=30 #wait=0.2"),
    "responses": ("responses", "hi #in=400 #out=40 #cached=300"),
    "agent": ("agent", "weather #in=50 #out=10 #tool=get_weather"),
    "agent_cached": ("agent", "weather #in=50 #out=10 #cached=20 #tool=get_weather"),
    "embedding": ("embedding", "hello #in=77"),
    "failed": ("chat", "hi #error=500"),
    "claude": ("claude", "hi #in=100 #out=20"),
    "claude_cached": ("claude", "hi #in=50 #out=20 #cached=1500 #write=300"),
    "claude_small_cache": ("claude", "hi #in=500 #out=20 #cached=100"),
    "claude_stream": ("claude_stream", "hi #in=120 #out=25 #cached=60 #wait=0.2"),
}

Call = Callable[[str, str], object]
"""Of the model server's URL for this run, and the question."""


@dataclass
class Instrumentation:
    """A published instrumentation: how it calls models, and what it never tells."""

    name: str
    calls: dict[str, Call]
    inside: Callable[[str], AbstractContextManager[object]]
    """A trace that names this experiment."""
    flush: Callable[[], object]
    never_tells_cached: set[str] = field(default_factory=set)
    """Runs whose cached tokens it does not send: they cost what other input does."""
    tells_first_token: set[str] = field(default_factory=set)
    counts_beside: set[str] = field(default_factory=set)
    """Runs whose input it sends without the cached tokens, as Anthropic's API counts."""


def run(instrumentation: Instrumentation) -> None:
    """Make every call that the instrumentation knows, then compare both endpoints with the ledger."""
    checks = Checks()
    runs = {name: asks for name, asks in RUNS.items() if asks[0] in instrumentation.calls}
    experiments = {name: f"{instrumentation.name}-{name}-{uuid.uuid4().hex[:8]}" for name in runs}
    with serving() as model_server:
        for name, (kind, text) in runs.items():
            url = model_server.anthropic_url if kind.startswith("claude") else model_server.openai_url
            try:
                with instrumentation.inside(experiments[name]):
                    instrumentation.calls[kind](url(experiments[name]), text)
            except Exception as error:
                checks.that(f"{name}: fails as planned", "#error" in text, repr(error))
        instrumentation.flush()
        for name, experiment in experiments.items():
            compare(checks, instrumentation, name, experiment, model_server)
    checks.finish()


def compare(
    checks: Checks, instrumentation: Instrumentation, name: str, experiment: str, model_server: ModelServer
) -> None:
    """Tokens, cost and first token of one run."""
    bought = model_server.ledger[experiment]
    read, written, cost = bought.totals(tells_cached=name not in instrumentation.never_tells_cached)
    if name in instrumentation.counts_beside:
        read = sum(usage.fresh for _, usage in bought.calls)
    totals, entries = summary(experiment), stats(experiment)
    checks.equal(f"{name}: input tokens", totals["total_prompt_tokens"], read)
    checks.equal(f"{name}: output tokens", totals["total_completion_tokens"], written)
    checks.near(f"{name}: cost", totals["total_cost"], cost)
    told = [sum(entry[key] or 0 for entry in entries) for key in ("input_tokens", "output_tokens", "cost")]
    checks.equal(f"{name}: both endpoints say the same tokens", told[:2], [read, written])
    checks.near(f"{name}: both endpoints say the same cost", told[2], cost)
    if name in instrumentation.tells_first_token:
        checks.that(
            f"{name}: the first token took as long as it did", 0.15 < totals["avg_ttft"] < 5, totals["avg_ttft"]
        )
