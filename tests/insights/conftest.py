"""The application that the tests of answers ask."""

from tests.api.conftest import (
    client,
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
    "make_client",
    "own_client",
    "own_strangers_key",
    "shared",
    "shared_client",
    "shared_strangers_key",
    "shared_url",
    "stranger",
]
