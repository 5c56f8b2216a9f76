"""Commands for the life of the data: pruning, export and import, deletion of traces and tenants.

A command imports what it alone needs when it runs.
"""

import typer

from .experiments import export_experiment, import_experiment
from .tenants import tenants_app
from .traces import prune, recount_traces, traces_app, unpack


def install(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command("prune")(prune)
    app.command("recount")(recount_traces)
    app.command("unpack")(unpack)
    app.command("export")(export_experiment)
    app.command("import")(import_experiment)
    app.add_typer(traces_app, name="traces")
    app.add_typer(tenants_app, name="tenants")
