"""How migrations reach the database: one process at a time, a transaction for each migration.

The address comes from the program (`spanstats.store.schema`), else from SPANSTATS_DATABASE_URL.
"""

import asyncio
import os
import time
from typing import Literal

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, TypeDecorator, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from spanstats.store.addresses import DRIVER, parse

# Its tables stand in the same metadata as all others, which it imports.
from spanstats.store.cache_tables import metadata
from spanstats.store.connecting import Source, creator
from spanstats.store.schema import NO_SCHEMA

# Two replicas may start at once: the second waits for the first, then finds nothing to do. It asks again and again
# rather than waiting within a statement, whose snapshot would hold up an index that is built beside running work.
TAKE_TURN = text("SELECT pg_try_advisory_lock(hashtextextended('spanstats migrations', 0))")
PATIENCE_S = 600
UNLIMITED = (
    "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('transaction_timeout', 'idle_session_timeout')"
)


def _address() -> str:
    address = context.config.attributes.get("url") or os.environ.get("SPANSTATS_DATABASE_URL")
    if not address:
        raise CommandError("set SPANSTATS_DATABASE_URL to the database to migrate")
    return str(address)


def _render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write the program's own column types as what they are in the database: migrations outlive the program's code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def _is_ours(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
    """Alembic does not know its own table where it is told the schema."""
    return kind != "table" or name != "alembic_version"


def _migrate(connection: Connection) -> None:
    own = connection.scalar(text("SELECT current_schema()"))
    if own is None:
        raise CommandError(NO_SCHEMA)
    # A role's limits are meant for its queries; those that not every server knows are set where they are known.
    connection.execute(text(UNLIMITED))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=True,
        render_item=_render,
        include_object=_is_ours,
        transaction_per_migration=True,
        # Another program's may be visible as well.
        version_table_schema=own,
    )
    _take_turn(connection)
    # A migration that waits for a table makes everybody behind it wait as well: give up early.
    connection.execute(text("SET lock_timeout = '5s'"))
    connection.commit()
    with context.begin_transaction():
        context.run_migrations()


def _take_turn(connection: Connection) -> None:
    """Held until the connection ends."""
    deadline = time.monotonic() + PATIENCE_S
    while not connection.scalar(TAKE_TURN):
        connection.rollback()
        if time.monotonic() > deadline:
            raise CommandError("another process is still migrating this database: try again later")
        time.sleep(0.2)
    connection.commit()


async def _run(address: str) -> None:
    # What the database sets for a role is meant for its queries: a migration takes as long as it takes.
    source = Source(
        parse(address).with_parameters(application_name="spanstats migrate"),
        {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"},
    )
    engine = create_async_engine(
        f"{DRIVER}://",
        poolclass=pool.NullPool,
        connect_args=creator(source),
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    raise CommandError("migrations look at the server they run on (version, encoding): there is no offline mode")
asyncio.run(_run(_address()))
