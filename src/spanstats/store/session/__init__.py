"""Connections and transactions: the part of the store that the rest of the service uses."""

from .connections import KeptConnections
from .database import Database, Standbys
from .kinds import BY_KEY, Kind, Timeouts
from .pool import Driver, Engine, create_engine
from .transaction import Transaction

__all__ = [
    "BY_KEY",
    "Database",
    "Driver",
    "Engine",
    "KeptConnections",
    "Kind",
    "Standbys",
    "Timeouts",
    "Transaction",
    "create_engine",
]
