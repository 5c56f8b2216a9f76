"""Caches of a service brought up to date, as they are some time after the last write."""

import asyncio

import asyncpg

from spanstats.columnar.keep import refresh_waiting
from spanstats.store.cache_tables import CACHES, column_data
from spanstats.store.session import Database, create_engine

from .server import Service


async def refresh_caches(service: Service, connection: asyncpg.Connection) -> None:
    """Refresh rollups and columns, and vacuum."""
    await connection.execute("VACUUM (ANALYZE) traces")
    while await connection.fetchval("SELECT EXISTS (SELECT FROM rollup_marks)"):  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    engine = create_engine(service.database_url)
    async for _ in refresh_waiting(Database(engine), rest_s=0):
        pass
    await engine.dispose()
    for table in (*CACHES, column_data.name):
        await connection.execute(f"VACUUM (ANALYZE) {table}")
