"""Commands that export an experiment to a file, and import it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from ..catalog.keys import DEFAULT_TENANT, ensure_tenant
from ..errors import StartError
from ..sharding import Databases, on_databases
from .progress import progress_bar
from .tenants import Tenant


def export_experiment(
    experiment_id: str,
    tenant: Tenant = DEFAULT_TENANT,
    output: Annotated[Path | None, typer.Option(help="The file to write; else standard output.")] = None,
) -> None:
    """Write an experiment with all its traces as JSON Lines."""
    from .. import archive

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
    from .. import archive

    async def work(databases: Databases) -> tuple[str, int, int]:
        with _opened(file) as lines, progress_bar() as progress:
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
