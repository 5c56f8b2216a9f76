"""Commands on traces: pruned, counted again, unpacked, deleted."""

import re
import shlex
import sys
import time
from typing import Annotated

import typer

from ..catalog import retention, tenants, unpacking
from ..catalog.keys import DEFAULT_TENANT
from ..errors import StartError
from ..sharding import Databases, on_databases
from .progress import progress_bar, show_progress
from .tenants import Tenant

traces_app = typer.Typer(help="Single traces.", no_args_is_help=True)

_UNITS_US = {"h": 3_600_000_000, "d": 86_400_000_000, "w": 7 * 86_400_000_000}


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
            return await show_progress("Erasing", total, retention.prune(database, before_us, tenant_id))
        erased = 0
        for database in (await databases.all()).values():
            total = await retention.count_older(database, before_us)
            erased += await show_progress("Erasing", total, retention.prune(database, before_us))
        return erased

    print(f"{on_databases(work)} traces were erased.")


def unpack() -> None:
    """Store all traces as the version before reads them, to go back to it; nothing is packed for a day afterwards."""

    async def work(databases: Databases) -> int:
        each = (await databases.all()).values()
        return sum([await show_progress("Unpacking", None, unpacking.unpack_all(database)) for database in each])

    print(f"{on_databases(work)} traces were unpacked.")


def _age_us(text: str) -> int:
    """Raises `StartError`."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([hdw])", text)
    if match is None:
        raise StartError("--older-than is a whole number and a unit: 90d, 12h or 8w")
    return int(match[1]) * _UNITS_US[match[2]]


def recount_traces(
    tenant: Tenant = DEFAULT_TENANT,
    experiment: Annotated[str | None, typer.Option(help="Only the traces of this experiment.")] = None,
    after: Annotated[str, typer.Option(help="Go on after this trace id, which a stopped run printed.")] = "",
) -> None:
    """Count what stored traces bought by today's rules, in small steps, beside running work; twice changes nothing."""
    from ..dialects.parea.stats import stats_entry
    from ..ingest.evaluators import Evaluators
    from ..ingest.recount import Recounted, recount
    from ..ingest.tools import Tools

    steps = [Recounted(0, 0, after)]

    async def work(databases: Databases) -> None:
        database, tenant_id = await databases.of_tenant(tenant)
        tools = Tools(lambda _span: None, stats_entry, Evaluators())
        with progress_bar() as progress:
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


@traces_app.command("delete")
def delete_trace(trace_id: str, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Erase one trace for good; sums follow at once."""

    async def work(databases: Databases) -> None:
        await tenants.delete_trace(*await databases.of_tenant(tenant), trace_id)

    on_databases(work)
    print(f"Trace {trace_id} is erased.")
