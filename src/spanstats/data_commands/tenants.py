"""Commands on tenants: to move one to another shard, and to delete it."""

from typing import Annotated

import typer

from ..catalog import moving, tenants
from ..errors import StartError
from ..sharding import Databases, on_databases
from .progress import show_progress

tenants_app = typer.Typer(help="Tenants.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="Whose data it is.")]
"""The option of every command that works on the data of one tenant."""


@tenants_app.command("move")
def move_tenant(name: str, shard: Annotated[str, typer.Argument(help="Where the tenant is to live.")]) -> None:
    """Move a tenant to another shard beside its running work; stopped, it goes on when called again."""

    async def work(databases: Databases) -> int:
        shards = await databases.of_move(name, shard)
        return await show_progress("Copying", None, moving.move(shards, databases.first, name, shard))

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
        return await show_progress("Erasing", None, tenants.delete(databases.first, database, tenant_id))

    print(f"Tenant {name} and its {on_databases(work)} traces are erased.")
