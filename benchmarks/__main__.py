"""`python -m benchmarks`: seeds its own data, measures, prints a table and writes `benchmarks/results.md`."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from . import answers, budgets, comparison, ingest, insights, packed, pages, versions
from .report import Report
from .server import serving

app = typer.Typer(add_completion=False)
_SCRATCH = Path(tempfile.gettempdir(), "spanstats-bench")
Sizes = Annotated[str, typer.Option(help="Numbers, separated by commas.")]


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    roots: Sizes = "1000,10000,100000",
    traces: Sizes = "10000,100000,1000000",
    short: Annotated[bool, typer.Option(help="A tenth of everything, in a minute or two.")] = False,
    only: Annotated[str, typer.Option(help="ingest, budgets, answers, insights, comparison or pages")] = "",
    out: Annotated[Path, typer.Option(help="Where the report goes.")] = Path(__file__).parent / "results.md",
) -> None:
    """Measure the service against floors in the same run."""
    if context.invoked_subcommand is not None:
        return
    scale = 0.1 if short else 1.0
    console = Console()
    report = Report(console)
    with serving() as service:
        sizes = [[int(int(n) * scale) for n in given.split(",")] for given in (roots, traces)]
        if only in ("", "ingest"):
            uvloop.run(ingest.measure(service, report, scale))
        if only in ("", "answers"):
            uvloop.run(answers.measure(service, report, console, *sizes))
    if only in ("", "budgets"):
        with serving() as service:
            uvloop.run(budgets.measure_budgets(service, report, console))
    if only in ("", "insights"):
        with serving() as service:
            uvloop.run(insights.measure(service, report, console, sizes[1][-1:]))
    if only in ("", "comparison"):
        with serving() as service:
            uvloop.run(comparison.measure(service, report, console, sizes[1][-1]))
    if only in ("", "pages"):
        with serving() as service:
            uvloop.run(pages.measure(service, report, console, sizes[1][-1]))
    if only in ("", "ingest"):
        with serving(workers=2) as service:
            uvloop.run(ingest.measure_workers(service, report, scale, 2))
    report.show()
    report.write(out)
    console.print(f"Written to {out}")


@app.command("versions")
def compare_versions(
    base: Annotated[str, typer.Argument(help="A revision of this repository.")],
    turns: Annotated[int, typer.Option(help="How often each version does each work.")] = 12,
    only: Annotated[str, typer.Option(help="Works whose name contains this.")] = "",
    traces: Annotated[int, typer.Option(help="How many traces the filtered summary is of.")] = 100_000,
    scratch: Annotated[Path, typer.Option(help="Where BASE is kept.")] = _SCRATCH,
    out: Annotated[Path | None, typer.Option(help="The file that the table is appended to.")] = None,
) -> None:
    """Give this tree and BASE the same work in turns, and compare the processor time that each takes."""
    uvloop.run(versions.compare(Console(), base, scratch, turns, only, traces, out))


@app.command("packed")
def compare_packed(
    base: Annotated[str, typer.Argument(help="A revision from before traces were packed.")],
    turns: Annotated[int, typer.Option(help="How often each service is given each kind of read.")] = 15,
    only: Annotated[str, typer.Option(help="Reads whose name contains this.")] = "",
    traces: Annotated[int, typer.Option(help="How many traces each service has.")] = 4_000,
    scratch: Annotated[Path, typer.Option(help="Where BASE is kept.")] = _SCRATCH,
    homes: Annotated[Path | None, typer.Option(help="Where the data is kept for the next time.")] = None,
) -> None:
    """Ask BASE and this tree, without and with all traces packed, the same in turns, and compare processor time."""
    uvloop.run(packed.compare(Console(), base, scratch, turns, only, traces, homes))


if __name__ == "__main__":
    app()
