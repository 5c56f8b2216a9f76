"""A source of connections: what the connections of one pool share, and which of them may lead to a former primary.

Everything is passed to the driver by name, so that no variable of the environment (PGHOST, PGOPTIONS, PGSSLMODE, ...)
and no file of the user's home decides where the service connects.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

import asyncpg

from .addresses import Address, Host

Incarnation: TypeAlias = tuple[int, str]
"""Which server this is, and which of its lives: the system's identifier, and the timeline, which a promotion raises."""

_DISTRUST_EVERY_S = 1.0


@dataclass
class Source:
    """What the connections of one pool have in common; `settings` are values for `SET`.

    `generation` is counted up where older connections may lead to a server that is no longer the primary.
    """

    address: Address
    settings: Mapping[str, str]
    connect_timeout_s: float = 10
    answer_timeout_s: float | None = None
    is_standby: bool = False
    connection_life_s: float = inf
    generation: int = 0
    incarnation: Incarnation | None = None
    distrusted_at: float = -inf

    @cached_property
    def of_session(self) -> dict[str, str]:
        """Settings that last as long as the connection; none if a pooler lends a server for one transaction."""
        schema = self.address.get("schema")
        return {} if self.address.is_pooled else {**self.settings, **_search_path(schema)}

    @cached_property
    def of_transaction(self) -> str:
        """What every transaction begins with, after its own settings; empty where sessions have theirs."""
        if not self.address.is_pooled:
            return ""
        settings = {**self.settings, **_search_path(self.address.get("schema"))}
        lasting = settings.keys() - {"plan_cache_mode", "statement_timeout"}
        return "".join(f"; SET LOCAL {name} = {settings[name]}" for name in sorted(lasting))

    def hosts(self) -> list[Host]:
        """The servers to ask, in the order in which they are asked."""
        in_order = list(self.address.hosts)
        if self.address.get("load_balance_hosts") == "random":
            random.shuffle(in_order)
        return in_order

    def arguments(self) -> dict[str, Any]:
        """The driver's arguments that are the same for each host."""
        address, server_settings = (
            self.address,
            {"application_name": self.address.get("application_name") or "spanstats"},
        )
        if (options := address.get("options")) is not None:
            server_settings["options"] = options
        passfile = address.get("passfile")
        return {
            "user": address.user,
            "password": address.get("password"),
            "passfile": Path(passfile) if passfile else None,
            "database": address.database,
            "direct_tls": address.get("sslnegotiation") == "direct",
            "server_settings": server_settings,
            # Where a server is lent for one transaction, what was prepared in it is somebody else's in the next.
            "statement_cache_size": 0 if address.is_pooled else 100,
            "command_timeout": self.answer_timeout_s,
            "target_session_attrs": "any",
            "gsslib": "gssapi",
        }

    def distrust(self, connection: "Connection") -> None:
        """Have every connection as old as this one thrown away before its next use, at most once in a second.

        Where the database is meant to be read-only, reads go on with theirs for that time.
        """
        now = monotonic()
        if connection.generation == self.generation and now - self.distrusted_at > _DISTRUST_EVERY_S:
            self.generation += 1
            self.distrusted_at = now

    def meets(self, incarnation: Incarnation | None) -> None:
        """Another server, or the same one after a promotion: what is connected to the one before is not used again."""
        if incarnation is None or incarnation == self.incarnation:
            return
        if self.incarnation is not None:
            self.generation += 1
        self.incarnation = incarnation


def _search_path(schema: str | None) -> dict[str, str]:
    if schema is None:
        return {}
    names = (name.strip().strip('"').replace('"', '""') for name in schema.split(","))
    return {"search_path": ", ".join(f'"{name}"' for name in names)}


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """The driver's connection, which knows how old it is: in seconds, and in generations of its source."""

    source: Source
    generation: int = 0
    expires_at: float = inf

    def is_usable(self) -> bool:
        """Whether it is not too old, and was made since its source last found that an older one may lead to another
        server."""
        return self.generation == self.source.generation and monotonic() < self.expires_at
