"""The application that the tests of answers ask."""

from tests.api.conftest import *  # noqa: F403
