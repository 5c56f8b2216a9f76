"""Connections to the server that tests share, outside any engine.

One is kept, over which databases are made and dropped: to connect costs as much as to copy a database.
"""

import asyncio
import threading
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy.engine import make_url


class Administrator(NamedTuple):
    """The connection that is kept, and the loop that it is used in."""

    loop: asyncio.AbstractEventLoop
    connection: Any


_administrators: dict[str, Administrator] = {}
"""By the address of the server."""
_turn = threading.Lock()


def administer(server_url: str, statement: str) -> None:
    """Run a statement outside any transaction."""
    with _turn:
        administrator = _administrators.get(server_url)
        if administrator is None:
            loop = asyncio.new_event_loop()
            administrator = Administrator(loop, loop.run_until_complete(connect(server_url)))
            _administrators[server_url] = administrator
        administrator.loop.run_until_complete(administrator.connection.execute(statement))


def dismiss_administrators() -> None:
    """Close all connections that are kept."""
    for loop, connection in _administrators.values():
        loop.run_until_complete(connection.close())
        loop.close()
    _administrators.clear()


async def connect(url: str) -> Any:
    """The driver's own connection to this address, outside any engine."""
    parsed = make_url(url).set(drivername="postgresql")
    schema = {"search_path": str(name)} if (name := parsed.query.get("schema")) else {}
    plain = parsed.difference_update_query(["schema"]).render_as_string(hide_password=False)
    return await asyncpg.connect(plain, server_settings=schema)
