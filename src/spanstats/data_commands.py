"""Commands for the life of the data: pruning, export and import, deletion of traces and tenants.

A command imports what it alone needs when it runs.
"""

import re
import shlex
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import Progress

from .catalog import moving, retention, tenants, unpacking
from .catalog.keys import DEFAULT_TENANT, ensure_tenant
from .errors import StartError
from .sharding import Databases, on_databases

traces_app = typer.Typer(help="Single traces.", no_args_is_help=True)
tenants_app = typer.Typer(help="Tenants.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="Whose data it is.")]

_UNITS_US = {"h": 3_600_000_000, "d": 86_400_000_000, "w": 7 * 86_400_000_000}


def install(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command("prune")(prune)
    app.command("recount")(recount_traces)
    app.command("unpack")(unpack)
    app.command("export")(export_experiment)
    app.command("import")(import_experiment)
    app.add_typer(traces_app, name="traces")
    app.add_typer(tenants_app, name="tenants")


def prune(
    older_than: Annotated[str, typer.Option(help="Age of the trace's start: 90d, 12h, 8w.")],
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's; else everyone's.")] = None,
) -> None:
    """Erase old traces for good, in small steps; stopped, it goes on where it was when called again."""
    before_us = time.time_ns() // 1000 - _age_us(older_than)

    async def work(databases: Databases) -> int:
        if tenant is not None:
            database, tenant_id = await databases.of_tenant(tenant)
            total = await retention.count_older(database, before_us, tenant_id)
            return await _shown("Erasing", total, retention.prune(database, before_us, tenant_id))
        erased = 0
        for database in (await databases.all()).values():
            total = await retention.count_older(database, before_us)
            erased += await _shown("Erasing", total, retention.prune(database, before_us))
        return erased

    print(f"{on_databases(work)} traces were erased.")


def unpack() -> None:
    """Store all traces as the version before reads them, to go back to it; nothing is packed for a day afterwards."""

    async def work(databases: Databases) -> int:
        each = (await databases.all()).values()
        return sum([await _shown("Unpacking", None, unpacking.unpack_all(database)) for database in each])

    print(f"{on_databases(work)} traces were unpacked.")


def _age_us(text: str) -> int:
    """Raises `StartError`."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([hdw])", text)
    if match is None:
        raise StartError("--older-than is a whole number and a unit: 90d, 12h or 8w")
    return int(match[1]) * _UNITS_US[match[2]]


async def _shown(what: str, total: int | None, done: AsyncGenerator[int, None]) -> int:
    count = 0
    with _progress() as progress:
        task = progress.add_task(what, total=total)
        async for some in done:
            progress.advance(task, some)
            count += some
    return count


def _progress() -> Progress:
    return Progress(console=Console(stderr=True))


def recount_traces(
    tenant: Tenant = DEFAULT_TENANT,
    experiment: Annotated[str | None, typer.Option(help="Only the traces of this experiment.")] = None,
    after: Annotated[str, typer.Option(help="Go on after this trace id, which a stopped run printed.")] = "",
) -> None:
    """Count what stored traces bought by today's rules, in small steps, beside running work; twice changes nothing."""
    from .dialects.parea.stats import stats_entry
    from .ingest.evaluators import Evaluators
    from .ingest.recount import Recounted, recount
    from .ingest.tools import Tools

    steps = [Recounted(0, 0, after)]

    async def work(databases: Databases) -> None:
        database, tenant_id = await databases.of_tenant(tenant)
        tools = Tools(lambda _span: None, stats_entry, Evaluators())
        with _progress() as progress:
            task = progress.add_task("Counting", total=None)
            async for step in recount(database, tenant_id, tools, experiment, after):
                steps.append(step)
                progress.advance(task, step.traces)

    try:
        on_databases(work)
    except BaseException:
        if (last := steps[-1].last) != after:
            print(f"Stopped; go on with --after {shlex.quote(last)}", file=sys.stderr)
        raise
    traces, changed = sum(step.traces for step in steps), sum(step.changed for step in steps)
    print(f"{traces} traces were counted, {changed} of them have other numbers now.")


def export_experiment(
    experiment_id: str,
    tenant: Tenant = DEFAULT_TENANT,
    output: Annotated[Path | None, typer.Option(help="The file to write; else standard output.")] = None,
) -> None:
    """Write an experiment with all its traces as JSON Lines."""
    from . import archive

    async def work(databases: Databases) -> int:
        database, tenant_id = await databases.of_tenant(tenant)
        with _written(output) as out:
            return await archive.write(database, tenant_id, experiment_id, out)

    print(f"{on_databases(work)} traces were exported.", file=sys.stderr)


@contextmanager
def _written(file: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that gets its name once it is whole. Raises `StartError`."""
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partial = file.with_name(file.name + ".part")
    try:
        with partial.open("wb") as out:
            yield out
        partial.replace(file)
    except OSError as error:
        raise StartError(f"{partial}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def import_experiment(
    file: Annotated[Path, typer.Argument(help="A file that `export` wrote; - is standard input.")],
    tenant: Annotated[str, typer.Option(help="Whose it will be; made if there is none.")] = DEFAULT_TENANT,
) -> None:
    """Restore an exported experiment exactly; traces that are there already stay as they are."""
    from . import archive

    async def work(databases: Databases) -> tuple[str, int, int]:
        with _opened(file) as lines, _progress() as progress:
            task = progress.add_task("Importing", total=None)
            await ensure_tenant(databases.first, tenant, databases.placing())
            database, tenant_id = await databases.of_tenant(tenant)
            return await archive.read(database, tenant_id, lines, lambda count: progress.advance(task, count))

    experiment_id, written, there = on_databases(work)
    print(f"Experiment {experiment_id}: {written} traces were imported, {there} were there before.")


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise StartError(f"{file}: {error.strerror}") from error
    with opened:
        yield opened


@traces_app.command("delete")
def delete_trace(trace_id: str, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Erase one trace for good; sums follow at once."""

    async def work(databases: Databases) -> None:
        await tenants.delete_trace(*await databases.of_tenant(tenant), trace_id)

    on_databases(work)
    print(f"Trace {trace_id} is erased.")


@tenants_app.command("move")
def move_tenant(name: str, shard: Annotated[str, typer.Argument(help="Where the tenant is to live.")]) -> None:
    """Move a tenant to another shard beside its running work; stopped, it goes on when called again."""

    async def work(databases: Databases) -> int:
        return await _shown("Copying", None, moving.move(await databases.all(), databases.first, name, shard))

    print(f"Tenant {name} lives in shard {shard}; {on_databases(work)} traces were copied.")


@tenants_app.command("delete")
def delete_tenant(
    name: str, yes: Annotated[bool, typer.Option("--yes", help="Really: nothing of it can be restored.")] = False
) -> None:
    """Erase a tenant with its keys, experiments, datasets and traces, for good."""
    if not yes:
        raise StartError(f"everything of tenant {name} would be erased for good: say so with --yes")

    async def work(databases: Databases) -> int:
        database, tenant_id = await databases.of_tenant(name)
        return await _shown("Erasing", None, tenants.delete(databases.first, database, tenant_id))

    print(f"Tenant {name} and its {on_databases(work)} traces are erased.")
