"""Shards: databases of which each holds all that some tenants have stored."""

import re

FIRST = "first"
"""The shard whose database is the directory too: it has the keys, and knows in which shard a tenant lives."""

MOST_BESIDE = 16
"""Shards beside the first; each of them has a part of the numbers that ids are taken from."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def is_name(text: str) -> bool:
    """Whether a shard beside the first may be called so."""
    return _NAME.fullmatch(text) is not None and text != FIRST
