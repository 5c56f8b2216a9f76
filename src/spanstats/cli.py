"""The command line.

A command imports what it alone needs when it runs: most need neither the application nor numpy.
"""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.progress import Progress

from . import data_commands, database
from .catalog import keys
from .domain.values import is_clean
from .errors import SpanstatsError, StartError
from .gate import command as gate
from .migrating import migrate as migrate_to_newest
from .settings import SettingsError, load
from .sharding import Databases, migrate_shards, on_databases
from .store.session import Database

app = typer.Typer(
    help="Statistics of LLM experiments.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
keys_app = typer.Typer(help="API keys.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
rollups_app = typer.Typer(help="The cache behind the summaries.", no_args_is_help=True)
app.add_typer(rollups_app, name="rollups")


def main() -> None:
    """Run the command line; what the user can mend is one line each, with exit code 1."""
    try:
        app()
    except SettingsError as error:
        _fail(error.lines)
    except (StartError, SpanstatsError) as error:
        _fail([str(error)])
    except Exception:
        # The database's driver refuses them, and a name of a file may be any bytes.
        if all(map(is_clean, sys.argv)):
            raise
        _fail(["an argument is not UTF-8"])


def _fail(lines: list[str]) -> None:
    for line in lines:
        print(f"spanstats: {line}", file=sys.stderr)
    sys.exit(1)


@app.command("serve")
def serve_command(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that answer requests.")] = None,
) -> None:
    """Migrate the database and serve until stopped."""
    options = {"host": host, "port": port, "workers": workers}
    settings = load(**{name: value for name, value in options.items() if value is not None})
    # The service takes longer to import than a wrong setting to find.
    from . import serve

    serve.run(settings)


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    settings = load()
    with database.opened(settings) as opened:
        migrate_to_newest(opened.direct)
        migrate_shards(settings, opened.direct, may_be_away=False)
    print("The schema is up to date.")


@app.command("demo")
def demo_command() -> None:
    """Load a sample experiment in both dialects and two runs to compare, and print both answers of each."""
    on_databases(_demo)


async def _demo(databases: Databases) -> None:
    from . import demo

    await keys.ensure_tenant(databases.first, keys.DEFAULT_TENANT, databases.placing())
    await demo.run(*await databases.of_tenant(keys.DEFAULT_TENANT))


@keys_app.command("create")
def create_key(
    name: str,
    tenant: Annotated[str, typer.Option(help="Whose key it is; made if there is none.")] = keys.DEFAULT_TENANT,
    scope: Annotated[str, typer.Option(help="all, ingest or read")] = "all",
    shard: Annotated[str | None, typer.Option(help="Where a new tenant lives; else where there are fewest.")] = None,
) -> None:
    """Make an API key and print it; it is not shown again."""
    checked_scope = next((one for one in keys.SCOPES if one == scope), None)
    if checked_scope is None:
        raise StartError(f"--scope is one of {', '.join(keys.SCOPES)}")
    print(on_databases(lambda d: keys.create(d.first, name, tenant, checked_scope, d.placing(shard))))


@keys_app.command("list")
def list_keys() -> None:
    """List all API keys: id, tenant, name, scope, made, revoked."""
    for key in on_databases(lambda databases: keys.list_keys(databases.first)):
        revoked = f"revoked {_day(key.revoked_at)}" if key.revoked_at is not None else "active"
        print(f"{key.id}\t{key.tenant}\t{key.name}\t{key.scope}\t{_day(key.created_at)}\t{revoked}")


@keys_app.command("revoke")
def revoke_key(key_id: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """Stop an API key; a running service knows within a second."""
    on_databases(lambda databases: keys.revoke(databases.first, key_id))
    print(f"Key {key_id} is revoked.")


@rollups_app.command("rebuild")
def rebuild_rollups() -> None:
    """Refresh all rollups and columns from the traces; answers stay exact meanwhile."""
    on_databases(_rebuild_all)


async def _rebuild_all(databases: Databases) -> None:
    for each in (await databases.all()).values():
        await _rebuild(each)


async def _rebuild(database: Database) -> None:
    from .columnar.keep import refresh_waiting
    from .stats import maintenance

    minutes = await maintenance.invalidate_everything(database)
    with Progress() as progress:
        task = progress.add_task("Rebuilding", total=minutes)
        while n_invalidations := await maintenance.refresh_once(database, wait=True):
            progress.advance(task, n_invalidations)
        refreshing = progress.add_task("Refreshing columns", total=None)
        async for _ in refresh_waiting(database, rest_s=0):
            progress.advance(refreshing)
    print(f"{minutes} minutes were rebuilt.")


@rollups_app.command("check")
def check_rollups() -> None:
    """Compare the rollups and columns with the traces; exit code 1 where they differ."""
    different = on_databases(_mismatches)
    if different:
        raise StartError(
            f"{len(different)} rollups or columns differ from their traces: run `spanstats rollups rebuild`"
        )
    print("The rollups and columns equal the traces.")


async def _mismatches(databases: Databases) -> list[tuple[int, int, int]]:
    from .stats import maintenance

    return [mismatch for each in (await databases.all()).values() for mismatch in await maintenance.mismatches(each)]


data_commands.install(app)
gate.install(app)


def _day(time_us: int) -> str:
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
