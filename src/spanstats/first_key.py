"""The API key of a start: the one that the settings name, the one of an earlier start, or a new one."""

import os
from pathlib import Path

from .catalog import keys
from .catalog.keys import Placing
from .domain.shards import FIRST
from .settings import Settings
from .store.session import Database, create_engine
from .welcome import Key


async def first_key(settings: Settings, url: str) -> Key:
    """The key that the settings name, the one that an earlier start made, or a new one where there is none at all."""
    database = Database(create_engine(url))
    placing = Placing((FIRST, *(shard.name for shard in settings.shards)))
    file = settings.data_dir.expanduser().resolve() / "api_key"
    try:
        if settings.api_key is not None:
            plain, path = settings.api_key.get_secret_value(), None
        elif file.exists():
            plain, path = file.read_text().strip(), file
        elif await keys.list_keys(database):
            return Key(None, None, usable=True)
        else:
            plain, path = _keep(keys.generate(), file), None
            await keys.ensure(database, plain, placing=placing)
            return Key(plain, file, usable=True)
        await keys.ensure(database, plain, placing=placing)
        return Key(None, path, usable=await keys.find(database, plain) is not None)
    finally:
        await database.dispose()


def _keep(plain: str, file: Path) -> str:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
        out.write(plain + "\n")
    return plain
