"""The application that the tests of answers ask."""

from tests.api.conftest import (
    client,
    directory,
    directory_url,
    make_client,
    own_client,
    own_strangers_key,
    shared,
    shared_client,
    shared_strangers_key,
    shared_url,
    stranger,
)

__all__ = [
    "client",
    "directory",
    "directory_url",
    "make_client",
    "own_client",
    "own_strangers_key",
    "shared",
    "shared_client",
    "shared_strangers_key",
    "shared_url",
    "stranger",
]
