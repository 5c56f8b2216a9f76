"""Run the tests on Citus: `python -m tests.on_citus ADDRESS [ARGUMENTS OF PYTEST]`.

ADDRESS is that of a coordinator, as a user who may create databases and the extension. The tenants of all tests live in
a second shard, which is a distributed schema. The coordinator holds its tables: tests copy databases, and a copy lacks
what other nodes hold. So tests are connected straight to the node, as a service is.

On a server without Citus the tests run in plain schemas.
"""

import asyncio
import os
import subprocess
import sys

import asyncpg

from .installed import NAMED, PACKAGES, THROUGHOUT
from .second_shard import ON, ON_CITUS

_EXTENSION = "SELECT 1 FROM pg_available_extensions WHERE name = 'citus'"


def main() -> int:
    match sys.argv[1:]:
        case [address, *arguments] if address:
            pass
        case _:
            sys.exit("usage: make test-citus ADDRESS=postgresql://USER@COORDINATOR/DATABASE")
    variables = {NAMED: address, ON: "1"}
    if asyncio.run(_has_citus(address)):
        variables[ON_CITUS] = "1"
    else:
        sys.stderr.write("This server has no Citus: the tests run in plain schemas of it\n")
    chosen = ["-m", "database", *(f"tests/{package}" for package in PACKAGES), *THROUGHOUT, "tests/api"]
    command = [sys.executable, "-m", "pytest", *chosen, *arguments]
    return subprocess.run(command, env=os.environ | variables, check=False).returncode


async def _has_citus(address: str) -> bool:
    connection = await asyncpg.connect(address)
    try:
        return bool(await connection.fetchval(_EXTENSION))
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(main())
