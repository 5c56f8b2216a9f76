"""A sample experiment in both dialects and two runs that differ, loaded through the code that serves, and what is
answered made readable."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
from rich.console import Console
from rich.progress import Progress

from ..columnar.reader import Columns
from ..comparison.arms import Arm
from ..comparison.compare import compare
from ..comparison.pairing import PairBy
from ..comparison.request import Request
from ..dialects import otlp
from ..dialects.insights.breakdown import breakdown_object
from ..dialects.insights.compare_answer import comparison_answer
from ..dialects.insights.experiment import described_object
from ..dialects.parea.logs import read_log
from ..dialects.parea.stats import stats_entry
from ..dialects.respan.summary import summary_answer
from ..domain.keys import TenantId
from ..domain.span import Span
from ..gate.decision import decide
from ..gate.report import text_report
from ..ingest.commits import Committer
from ..ingest.evaluators import Evaluators
from ..ingest.pricing import Prices
from ..ingest.tools import Tools
from ..insights.breakdown import BreakdownOptions, break_down
from ..insights.dimensions import MODEL, SPAN, Dimension
from ..insights.experiment_figures import describe
from ..insights.measures import measure_specs, parse_name
from ..insights.ordering import Order
from ..insights.questions import Question
from ..stats.summary import summarize
from ..stats.sums import Window
from ..stats.traces import entry_pages
from ..store.session import Database
from . import report, sample, two_runs


async def run(database: Database, tenant_id: TenantId, console: Console | None = None) -> None:
    """Load the sample for this tenant, as a new experiment in each dialect, and print both answers of each."""
    console = console or Console()
    run_id, began = uuid4().hex[:24], datetime.now(UTC).replace(microsecond=0)
    for name, experiment_id, batches in (
        ("Parea", f"demo-parea-{run_id[:8]}", _parea(f"demo-parea-{run_id[:8]}", run_id[:8], began)),
        ("Respan", f"demo-respan-{run_id[:8]}", _respan(f"demo-respan-{run_id[:8]}", run_id, began)),
    ):
        await _load(database, console, tenant_id, name, list(batches))
        await _show(database, console, tenant_id, name, experiment_id)
    await _compare(database, console, tenant_id, run_id[:8], began)


async def _compare(database: Database, console: Console, tenant_id: TenantId, run_id: str, began: datetime) -> None:
    """Load two runs that differ, and print what to do with them."""
    base, candidate = (f"demo-{which}-{run_id}" for which in ("base", "candidate"))
    for experiment_id, which in ((base, "base"), (candidate, "candidate")):
        batches = [[read_log(body) for body in two_runs.logs(experiment_id, which, began)]]
        await _load(database, console, tenant_id, "Parea", batches)
    request = Request(Arm(base), (Arm(candidate, at="candidates.0"),), PairBy("auto"))
    answer = comparison_answer(await compare(Columns(), database, tenant_id, request, {}))
    console.print(f"\n[bold]spanstats compare {base} {candidate}[/bold]")
    outcome = decide(answer, (), fail_on_inconclusive=False)
    console.print(text_report(answer, outcome), markup=False, highlight=False, soft_wrap=True, end="")
    address = f"/ui/compare?base={base}&candidate={candidate}"
    console.print(f"\nThe same on the page of the service: {address}", highlight=False, soft_wrap=True)


def _parea(experiment_id: str, run_id: str, began: datetime) -> Iterator[list[Span]]:
    for body in sample.parea_logs(experiment_id, run_id, began):
        yield [read_log(body)]


def _respan(experiment_id: str, run_id: str, began: datetime) -> Iterator[list[Span]]:
    for body in sample.otlp_requests(experiment_id, run_id, began):
        yield otlp.read_json(body).spans


async def _load(
    database: Database, console: Console, tenant_id: TenantId, name: str, batches: list[list[Span]]
) -> None:
    committer = Committer(database, Tools(Prices().price, stats_entry, Evaluators()))
    try:
        with Progress(console=console) as progress:
            for batch in progress.track(batches, description=f"Posting spans as {name}'s SDK does"):
                await committer.submit(tenant_id, batch)
    finally:
        await committer.stop()


async def _show(database: Database, console: Console, tenant_id: TenantId, name: str, experiment_id: str) -> None:
    pages = [page async for page in entry_pages(database, tenant_id, experiment_id)]
    entries = msgspec.json.decode(f"[{','.join(pages)}]", type=list[dict[str, Any]])
    report.show_traces(console, f"\n{name}: GET /api/parea/v1/experiment/{experiment_id}/stats", entries)
    summary = await summarize(Columns(), database, tenant_id, experiment_id, Window())
    title = f"\n{name}: POST /api/v2/experiments/{experiment_id}/logs/summary/"
    report.show_summary(console, title, summary_answer(summary))
    await _show_insights(database, console, tenant_id, experiment_id)


async def _show_insights(database: Database, console: Console, tenant_id: TenantId, experiment_id: str) -> None:
    """Percentiles, and what each model cost, as `/api/stats/v1` answers them."""
    path, columns = f"\nGET /api/stats/v1/experiments/{experiment_id}", Columns()
    names = [parse_name(f"latency.{aggregate}") for aggregate in ("p50", "p95", "max")]
    latency = Question(measures=measure_specs(names, {}))
    described = await describe(database, columns, tenant_id, experiment_id, latency)
    report.show_percentiles(console, f"{path}?measures=latency.p50,...", described_object(described, latency))
    cost = Question(measures=measure_specs([parse_name("cost.sum")], {}))
    by_model = BreakdownOptions([Dimension(MODEL)], SPAN, Order(), 10)
    breakdown = await break_down(database, columns, tenant_id, experiment_id, cost, by_model)
    title = f"{path}/breakdown?group_by=model&measures=cost.sum"
    report.show_breakdown(console, title, breakdown_object(breakdown, cost, by_model))
