"""The two answers as tables that a person reads."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from ..dialects.respan.summary import SummaryAnswer


def show_traces(console: Console, title: str, entries: Iterable[dict[str, Any]]) -> None:
    """One row per trace, from the entries of Parea's stats answer."""
    table = Table("trace", "latency", "input", "output", "total", "cost", "scores")
    for entry in entries:
        scores = ", ".join(f"{s['name']} {s['score']:g}" for s in entry["scores"])
        tokens = (f"{entry[name]:,}" for name in ("input_tokens", "output_tokens", "total_tokens"))
        table.add_row(entry["trace_id"], _seconds(entry["latency"]), *tokens, _dollars(entry["cost"]), scores or "none")
    console.print(f"[bold]{title}[/bold]", table, sep="\n")


def show_summary(console: Console, title: str, answer: SummaryAnswer) -> None:
    """The totals of Respan's summary, then one row per evaluator."""
    table = Table("what", "value")
    table.add_row("traces", f"{answer.total_count:,}, of which failed {answer.error_count:,}")
    table.add_row("cost", _dollars(answer.total_cost))
    tokens = answer.total_prompt_tokens, answer.total_completion_tokens, answer.total_tokens
    table.add_row("tokens", "input {:,}, output {:,}, total {:,}".format(*tokens))
    table.add_row("mean latency", _seconds(answer.avg_latency))
    table.add_row("mean output speed", f"{answer.avg_tps:.1f} tokens/s")
    for key, score in answer.scores.items():
        mean = "no mean" if score.avg_score is None else f"mean {score.avg_score:.3f}"
        table.add_row(f"score {key}", f"{mean} of {score.count}")
    console.print(f"[bold]{title}[/bold]", table, sep="\n")


def show_percentiles(console: Console, title: str, answer: Mapping[str, Any]) -> None:
    """Of each measure how many traces have it, how many do not, and its aggregates."""
    for name, figures in answer["measures"].items():
        shown = {key: value for key, value in figures.items() if key != "unit"}
        table = Table("measure", *shown)
        cells = (f"{v:,}" if isinstance(v, int) else "unknown" if v is None else f"{v:.3f}" for v in shown.values())
        table.add_row(f"{name} in {figures['unit']}", *cells)
        console.print(f"[bold]{title}[/bold]", table, sep="\n")


def show_breakdown(console: Console, title: str, answer: Mapping[str, Any]) -> None:
    """One row per group, then the total."""
    (name,) = answer["group_by"]
    table = Table(name, f"{answer['unit']}s", "with a cost", "without", "cost")
    total = {**answer["total"], "key": {name: "total"}}
    for group in [*answer["groups"], total]:
        cost, key = group["cost"], group["key"][name]
        counts = (f"{n:,}" for n in (group["count"], cost["count"], cost["missing"]))
        table.add_row("none" if key is None else str(key), *counts, _dollars(cost["sum"]))
    console.print(f"[bold]{title}[/bold]", table, sep="\n")


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f} s"


def _dollars(value: float | None) -> str:
    return "unknown" if value is None else f"${value:.6f}"
