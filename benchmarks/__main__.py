"""`python -m benchmarks`: seeds its own data, measures, prints a table and writes `benchmarks/results.md`."""

from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from . import answers, ingest, insights
from .report import Report
from .server import serving

Sizes = Annotated[str, typer.Option(help="Numbers, separated by commas.")]


def main(
    roots: Sizes = "1000,10000,100000",
    traces: Sizes = "10000,100000,1000000",
    short: Annotated[bool, typer.Option(help="A tenth of everything, in a minute or two.")] = False,
    only: Annotated[str, typer.Option(help="ingest, answers or insights")] = "",
    out: Annotated[Path, typer.Option(help="Where the report goes.")] = Path(__file__).parent / "results.md",
) -> None:
    """Measure the service against floors in the same run."""
    scale = 0.1 if short else 1.0
    console = Console()
    report = Report(console)
    with serving() as service:
        sizes = [[int(int(n) * scale) for n in given.split(",")] for given in (roots, traces)]
        if only in ("", "ingest"):
            uvloop.run(ingest.measure(service, report, scale))
        if only in ("", "answers"):
            uvloop.run(answers.measure(service, report, console, *sizes))
    if only in ("", "insights"):
        with serving() as service:
            uvloop.run(insights.measure(service, report, console, sizes[1][-1:]))
    if only in ("", "ingest"):
        with serving(workers=2) as service:
            uvloop.run(ingest.measure_workers(service, report, scale, 2))
    report.show()
    report.write(out)
    console.print(f"Written to {out}")


if __name__ == "__main__":
    typer.run(main)
