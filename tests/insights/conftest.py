"""The application that the tests of answers ask."""

from tests.api.conftest import client, make_client, stranger

__all__ = ["client", "make_client", "stranger"]
